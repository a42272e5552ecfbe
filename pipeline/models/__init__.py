"""Nets that join senses: text encoders and the methods that align features with class texts."""
