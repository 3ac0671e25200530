"""Where the webui keeps its data; set by the tests."""

data_path = "."
