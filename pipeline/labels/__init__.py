"""Lists of class names as others publish them (`lists/`, a text file each), and what two lists have in common."""
