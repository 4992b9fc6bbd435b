vcl 4.1;
# Varnish in front of files. It has no key to check a token with: it takes off the query, as an edge does that was told so.
backend origin {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}

sub vcl_recv {
    set req.url = regsub(req.url, "\?.*$", "");
}
