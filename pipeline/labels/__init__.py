"""Published lists of class names (`lists/`, a text file each), and what two lists have in common."""
