/*
 * The physical limit: a loop that reads a request and sends bytes of a file, by `sendfile` or by `write` from a
 * mapping. It checks nothing, logs nothing, and knows two kinds of request: the whole file, and `Range: bytes=A-B`.
 * Usage: bare PORT FOLDER sendfile|write
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS = 16384, FILES = 16, REQUEST_BYTES = 4096 };

struct file {
    char path[256];
    int fd;
    off_t size;
    char *bytes;
};

struct connection {
    struct file *file; /* being sent, if any */
    off_t at, end;
    size_t got;
    bool waits_to_write;
    char request[REQUEST_BYTES];
};

static struct file files[FILES];
static struct connection *connections[CONNECTIONS]; /* by descriptor */
static const char *folder;
static bool maps;
static int poller;

/* The file of a path, opened once; NULL for one that is not there. */
static struct file *open_file(const char *path, size_t length) {
    struct file *file = files;
    for (; file < files + FILES && file->bytes; file++)
        if (strlen(file->path) == length && !memcmp(file->path, path, length)) return file;
    char full[1024];
    struct stat status;
    if (file == files + FILES || length >= sizeof file->path || memmem(path, length, "..", 2)) return NULL;
    snprintf(full, sizeof full, "%s%.*s", folder, (int)length, path);
    file->fd = open(full, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &status)) return NULL;
    memcpy(file->path, path, length);
    file->size = status.st_size;
    file->bytes = mmap(NULL, (size_t)file->size, PROT_READ, MAP_SHARED, file->fd, 0);
    return file->bytes == MAP_FAILED ? NULL : file;
}

static void hang_up(int fd) {
    free(connections[fd]);
    connections[fd] = NULL;
    close(fd);
}

static void watch(int fd, struct connection *c, bool to_write) {
    if (c->waits_to_write == to_write) return;
    c->waits_to_write = to_write;
    struct epoll_event event = {.events = to_write ? EPOLLOUT : EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

static void send_more(int fd, struct connection *c) {
    while (c->at < c->end) {
        size_t left = (size_t)(c->end - c->at);
        ssize_t sent = maps ? send(fd, c->file->bytes + c->at, left, MSG_NOSIGNAL) : sendfile(fd, c->file->fd, &c->at, left);
        if (sent <= 0) {
            if (sent < 0 && errno == EAGAIN)
                watch(fd, c, true);
            else
                hang_up(fd);
            return;
        }
        if (maps) c->at += sent;
    }
    c->file = NULL;
    watch(fd, c, false);
}

static void answer(int fd, struct connection *c) {
    char head[512];
    const char *path = c->request + strcspn(c->request, " ") + 1;
    c->file = open_file(path, strcspn(path, " ?"));
    if (!c->file) {
        hang_up(fd);
        return;
    }
    c->at = 0;
    c->end = c->file->size;
    long long first, last;
    const char *range = strcasestr(c->request, "\r\nrange: bytes=");
    bool is_part = range && sscanf(range + 15, "%lld-%lld", &first, &last) == 2 && first >= 0 && first <= last && last < c->end;
    if (is_part) {
        c->at = first;
        c->end = last + 1;
    }
    int length = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %lld\r\nContent-Type: video/mp4\r\n",
                          is_part ? "206 Partial Content" : "200 OK", (long long)(c->end - c->at));
    if (is_part)
        length += snprintf(head + length, sizeof head - (size_t)length, "Content-Range: bytes %lld-%lld/%lld\r\n", first,
                           last, (long long)c->file->size);
    length += snprintf(head + length, sizeof head - (size_t)length, "\r\n");
    send(fd, head, (size_t)length, MSG_NOSIGNAL | MSG_MORE);
    send_more(fd, c);
}

static void read_request(int fd, struct connection *c) {
    ssize_t count = recv(fd, c->request + c->got, REQUEST_BYTES - 1 - c->got, 0);
    if (count <= 0) {
        hang_up(fd);
        return;
    }
    c->got += (size_t)count;
    c->request[c->got] = 0;
    if (!strstr(c->request, "\r\n\r\n")) return;
    c->got = 0;
    answer(fd, c);
}

static void accept_all(int listener) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= CONNECTIONS || !(connections[fd] = calloc(1, sizeof *connections[fd]))) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    folder = arguments[2];
    maps = !strcmp(arguments[3], "write");
    signal(SIGPIPE, SIG_IGN); /* a viewer who leaves is an error of `sendfile` like any other */
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096)) return 1;
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event listening = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &listening);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            struct connection *c = fd == listener ? NULL : connections[fd];
            if (fd == listener)
                accept_all(listener);
            else if (c && c->file)
                send_more(fd, c);
            else if (c)
                read_request(fd, c);
        }
    }
}
