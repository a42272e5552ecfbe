"""A folder of recordings that nobody has described -> the lists and the profile that the pipeline asks for.

`files` finds out what can be read, `naming` what the names tell, `lists` who trains, `profile_text` writes the rows.
"""
