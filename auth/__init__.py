"""May this viewer have it?"""
