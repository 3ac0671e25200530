"""Words → what the UNet reads: emphasis, chunks and textual inversions through text encoders."""
