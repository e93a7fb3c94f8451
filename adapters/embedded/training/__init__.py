"""How the embedded model is made: text, network, training, files, examination. A tool of development, not of serving."""
