"""What CADA-VAE and SynSE share: autoencoders of clips and texts with one latent space, and the final classifier."""
