# Varnish as a cache in front of an origin. What its built-in rules do is what is wanted: one pull for a crowd, and
# bodies that are passed on while they arrive.
vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "@UPSTREAM@";
}

sub vcl_recv {
    set req.url = regsub(req.url, "^/pull/", "/");
}
