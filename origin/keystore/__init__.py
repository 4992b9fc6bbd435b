"""Where key rings come from: files of JSON Web Keys, read strictly, replaced whole, reloaded on change."""
