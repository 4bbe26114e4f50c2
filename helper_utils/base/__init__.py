"""What every topic builds on: claims, plots, seeds, devices, training, callbacks, many runs."""
