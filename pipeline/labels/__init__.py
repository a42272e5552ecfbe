"""Lists of class names as others publish them, one text file each, and what two lists have in common."""
