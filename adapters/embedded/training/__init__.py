"""How the embedded model is made: network, training, files, examination. A tool of development, not of serving."""
