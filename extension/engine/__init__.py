"""The hooks: the only place that touches a module's forward."""
