"""How the parts of the method follow one another, and which numbers of the scheme each of them takes."""
