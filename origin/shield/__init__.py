"""A shared HTTP cache in front of an upstream or a bucket: what `origin.httpcache` decides is done here.

    asked       what a viewer wants, as far as an upstream may know
    shelf       where responses are found and kept: variants, bodies on their way, bodies on disk
    fetching    one pull for all who wait, in this process and in the fleet
    bodies      bytes from the disk, from a body that still arrives, and from pulls for what is missing
    answering   a response as kept, made into a reply
    shield      the order of all that

Whatever an upstream does, no viewer is given mixed or short bytes as if they were whole, and nothing of it stays.
"""
