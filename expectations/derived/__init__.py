"""Forms of the input contract generated from the declarations: schemas, dictionary, templates."""
