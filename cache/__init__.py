"""Have we got it already?"""
