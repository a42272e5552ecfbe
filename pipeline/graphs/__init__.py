"""Scene graphs: objects and relations of an image or frame, read from Visual Genome and Action Genome."""
