/*
 * The load: one thread that asks an HTTP/1.1 server for a list of requests over kept-alive connections.
 *
 * Two ways to ask. Closed loop: `--inflight` requests are always on their way, so the server is driven to what it
 * can do. Open loop (`--rate`): requests have intended times, drawn as those of independent viewers are (exponential
 * gaps), and a latency counts from the intended time, whether or not a connection was free then: a server that stalls
 * is charged for everybody who would have asked meanwhile ("coordinated omission").
 *
 * Bodies are discarded inside the kernel (MSG_TRUNC), so that large ones cost the load next to nothing. The processor
 * time of the measured server and of this process is read at the same two moments between which requests are counted.
 *
 * Usage: see `main`. Requests come from a file: whole request heads, each ended by an empty line. The result is one
 * line of JSON on standard output. Everything is bounded by seconds that the command line gives.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_TLS
#include <openssl/ssl.h>
#endif

enum { HEAD_BYTES = 8192, CONNECTING_AT_ONCE = 128, PORTS_PER_ADDRESS = 8192, PIDS = 256, CPUS = 64 };
enum { BLOCKED = -1, BROKEN = -2 }; /* of `receive` and `transmit`, beside a count of bytes */
static const double CONNECT_SECONDS = 30, DRAIN_SECONDS = 2;

enum state { CLOSED, CONNECTING, IDLE, SENDING, HEAD, BODY };

struct connection {
    int fd;
    enum state state;
    bool waits_to_write, closes;
    uint32_t request;
    size_t sent, got; /* bytes of the request's head, and of the answer's */
    int64_t left;     /* bytes of the body still to come */
    double intended;  /* when this request was to be sent */
    char *head;
#ifdef WITH_TLS
    SSL *tls;
#endif
};

struct text {
    const char *bytes;
    size_t length;
};

/* What the command line says. */
static struct {
    int port, connections, inflight, expected, pids, cpus;
    uint64_t warm;
    double seconds, warmup, rate;
    bool tls, hold;
    int pid[PIDS], cpu[CPUS];
} want = {.connections = 32, .expected = 200, .seconds = 2};

static struct text *requests;
static uint32_t request_count, next_request;
static uint64_t started; /* requests, since the beginning */

static struct connection *pool;
static uint32_t *idle; /* a ring: who has waited longest asks next, so all connections take part */
static uint32_t idle_first, idle_count;
static int poller, open_count, connecting_count, busy_count, next_to_open;
static char discarded[1 << 16];

/* What is counted between `begin` and `end`. */
static double begin = INFINITY, end = INFINITY, next_intended;
static uint64_t completed, unexpected, broken, late, received;
/* Latencies in µs, log-linear: 64 steps for each doubling, so a figure is right to 1.6 %. */
enum { STEPS = 64, SLOTS = STEPS * 40 };
static uint64_t latencies[SLOTS], latency_count, latency_max;

static void give_up(const char *what) {
    fprintf(stderr, "loader: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- latencies ------------------------------------------------------------------------------------------------ */

static void record_latency(double seconds) {
    uint64_t us = seconds > 0 ? (uint64_t)(seconds * 1e6) : 0;
    int doublings = us < 2 * STEPS ? 0 : 63 - __builtin_clzll(us) - 6;
    uint64_t slot = (uint64_t)doublings * STEPS + (us >> doublings);
    latencies[slot < SLOTS ? slot : SLOTS - 1]++;
    latency_count++;
    if (us > latency_max) latency_max = us;
}

/* The highest value of a slot, in ms. */
static double slot_ms(uint64_t slot) {
    uint64_t doublings = slot < 2 * STEPS ? 0 : slot / STEPS - 1;
    return (double)(((slot - doublings * STEPS + 1) << doublings) - 1) / 1e3;
}

static double percentile_ms(double percent) {
    uint64_t seen = 0;
    for (uint64_t slot = 0; slot < SLOTS; slot++) {
        seen += latencies[slot];
        if (latency_count && (double)seen >= percent / 100 * (double)latency_count)
            return fmin(slot_ms(slot), (double)latency_max / 1e3);
    }
    return 0;
}

/* ---- processor time ------------------------------------------------------------------------------------------- */

/* utime + stime of the watched processes, in seconds; one that has ended counts nothing. */
static double watched_seconds(void) {
    unsigned long long user, kernel, total = 0;
    char path[64], line[1024];
    for (int i = 0; i < want.pids; i++) {
        snprintf(path, sizeof path, "/proc/%d/stat", want.pid[i]);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        size_t length = fread(line, 1, sizeof line - 1, file);
        fclose(file);
        line[length] = 0;
        char *after_name = strrchr(line, ')');
        if (after_name && sscanf(after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel) == 2)
            total += user + kernel;
    }
    return (double)total / (double)sysconf(_SC_CLK_TCK);
}

/* Seconds that each watched processor was not idle, whoever it worked for, time stolen by the host among them. */
static void busy_seconds(double *busy) {
    char line[512];
    FILE *file = fopen("/proc/stat", "r");
    if (!file) give_up("/proc/stat");
    while (fgets(line, sizeof line, file)) {
        int number;
        unsigned long long user, nice, kernel, waits, io, irq, soft, stolen;
        if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &number, &user, &nice, &kernel, &waits, &io,
                   &irq, &soft, &stolen) != 9)
            continue;
        for (int i = 0; i < want.cpus; i++)
            if (want.cpu[i] == number)
                busy[i] = (double)(user + nice + kernel + irq + soft + stolen) / (double)sysconf(_SC_CLK_TCK);
    }
    fclose(file);
}

static double own_seconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

/* ---- one connection ------------------------------------------------------------------------------------------- */

#ifdef WITH_TLS
static SSL_CTX *tls_context;

static ssize_t tls_result(struct connection *c, int result) {
    int why = SSL_get_error(c->tls, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return BLOCKED;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : BROKEN;
}
#endif

static ssize_t result_of(ssize_t count) {
    return count >= 0 ? count : errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN;
}

/* Reads into `into`, or discards where that is NULL. */
static ssize_t receive(struct connection *c, char *into, size_t length) {
#ifdef WITH_TLS
    if (c->tls) {
        if (!into && length > sizeof discarded) length = sizeof discarded;
        int count = SSL_read(c->tls, into ? into : discarded, (int)length);
        return count > 0 ? count : tls_result(c, count);
    }
#endif
    return result_of(recv(c->fd, into ? into : discarded, length, into ? 0 : MSG_TRUNC));
}

static ssize_t transmit(struct connection *c, const char *bytes, size_t length) {
#ifdef WITH_TLS
    if (c->tls) {
        int count = SSL_write(c->tls, bytes, (int)length);
        return count > 0 ? count : tls_result(c, count);
    }
#endif
    return result_of(send(c->fd, bytes, length, MSG_NOSIGNAL));
}

static void watch(struct connection *c, bool to_write) {
    if (c->waits_to_write == to_write) return;
    c->waits_to_write = to_write;
    struct epoll_event event = {.events = to_write ? EPOLLOUT : EPOLLIN, .data.u32 = (uint32_t)(c - pool)};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void rest(struct connection *c) {
    c->state = IDLE;
    idle[(idle_first + idle_count++) % (uint32_t)want.connections] = (uint32_t)(c - pool);
}

static void open_connection(struct connection *c) {
    int number = (int)(c - pool), on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) give_up("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    /* One source address has 28,000 ports at the most, and those just closed are not free yet: take several. */
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(number / PORTS_PER_ADDRESS));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) give_up("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) give_up("connect");
    c->state = CONNECTING;
    c->waits_to_write = true;
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)number};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) give_up("epoll_ctl");
    connecting_count++;
#ifdef WITH_TLS
    if (want.tls) {
        c->tls = SSL_new(tls_context);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_connect_state(c->tls);
    }
#endif
}

static void close_connection(struct connection *c) {
#ifdef WITH_TLS
    if (c->tls) SSL_free(c->tls);
    c->tls = NULL;
#endif
    close(c->fd);
    c->state = CLOSED;
    c->closes = false;
}

static bool counts(double moment) { return moment >= begin && moment < end; }

/* The connection broke, with or without a request on it; another takes its place. */
static void fail(struct connection *c, double now) {
    if (now >= begin) broken++;
    if (c->state == CONNECTING) {
        if (isinf(begin)) give_up("the server took no connection");
        connecting_count--;
    } else if (c->state != IDLE) {
        busy_count--;
    }
    close_connection(c);
    open_connection(c);
}

static void finish_connecting(struct connection *c, double now) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        errno = error;
        fail(c, now);
        return;
    }
#ifdef WITH_TLS
    if (c->tls) {
        int done = SSL_do_handshake(c->tls);
        if (done != 1 && tls_result(c, done) == BLOCKED) {
            watch(c, SSL_want_write(c->tls));
            return;
        }
        if (done != 1) {
            fail(c, now);
            return;
        }
    }
#endif
    connecting_count--;
    open_count++;
    watch(c, false);
    rest(c);
}

static void send_request(struct connection *c, double now) {
    struct text *request = &requests[c->request];
    while (c->sent < request->length) {
        ssize_t count = transmit(c, request->bytes + c->sent, request->length - c->sent);
        if (count == BLOCKED) {
            watch(c, true);
            return;
        }
        if (count <= 0) {
            fail(c, now);
            return;
        }
        c->sent += (size_t)count;
    }
    c->state = HEAD;
    watch(c, false);
}

static void start_request(struct connection *c, double intended, double now) {
    c->request = next_request;
    next_request = (next_request + 1) % request_count;
    started++;
    busy_count++;
    c->intended = intended;
    c->sent = c->got = 0;
    c->state = SENDING;
    send_request(c, now);
}

/* The answer is whole. */
static void finish_request(struct connection *c, double now) {
    busy_count--;
    /* Open loop: what was to be asked within the window counts, even if it ends after it. */
    if (counts(want.rate > 0 ? c->intended : now)) {
        completed++;
        record_latency(now - c->intended);
        if (atoi(c->head + 9) != want.expected) unexpected++;
    }
    if (c->closes) {
        close_connection(c);
        open_connection(c);
        return;
    }
    rest(c);
}

/* How long the body is, by the head; false for an answer that this program cannot read. */
static bool read_head(struct connection *c, const char *head_end) {
    int status = c->got >= 12 && !memcmp(c->head, "HTTP/1.1 ", 9) ? atoi(c->head + 9) : 0;
    c->left = status == 204 || status == 304 ? 0 : -1;
    for (const char *line = c->head; line < head_end; line = strstr(line, "\r\n") + 2) {
        if (c->left < 0 && !strncasecmp(line, "content-length:", 15)) c->left = strtoll(line + 15, NULL, 10);
        if (!strncasecmp(line, "connection: close", 17)) c->closes = true;
    }
    return status >= 200 && c->left >= 0;
}

/* Takes what has arrived; false when the rest has to be waited for, or there is none. */
static bool take(struct connection *c, double now) {
    bool in_head = c->state == HEAD;
    ssize_t count = in_head ? receive(c, c->head + c->got, HEAD_BYTES - 1 - c->got) : receive(c, NULL, (size_t)c->left);
    if (count == BLOCKED) return false;
    if (count <= 0) {
        fail(c, now);
        return false;
    }
    if (counts(now)) received += (uint64_t)count;
    if (in_head) {
        c->got += (size_t)count;
        c->head[c->got] = 0;
        const char *head_end = memmem(c->head, c->got, "\r\n\r\n", 4);
        if (!head_end && c->got < HEAD_BYTES - 1) return true;
        if (!head_end || !read_head(c, head_end)) {
            fail(c, now);
            return false;
        }
        c->state = BODY;
        c->left -= (int64_t)(c->got - (size_t)(head_end + 4 - c->head));
    } else {
        c->left -= count;
    }
    if (c->left < 0) { /* more than one answer to one question */
        fail(c, now);
        return false;
    }
    if (c->left == 0) finish_request(c, now);
#ifdef WITH_TLS
    if (c->tls) return c->state == HEAD || c->state == BODY; /* what is decrypted already, epoll does not know of */
#endif
    return in_head && c->state == BODY;
}

static void progress(struct connection *c, double now) {
    switch (c->state) {
    case CONNECTING: finish_connecting(c, now); break;
    case SENDING: send_request(c, now); break;
    case IDLE: /* closed by the server while nothing was asked: no answer is lost */
        idle_count--;
        for (uint32_t i = 0, seen = 0; i <= idle_count; i++) {
            uint32_t who = idle[(idle_first + i) % (uint32_t)want.connections];
            if (who != (uint32_t)(c - pool)) idle[(idle_first + seen++) % (uint32_t)want.connections] = who;
        }
        close_connection(c);
        open_connection(c);
        break;
    case HEAD:
    case BODY:
        while (take(c, now)) {}
        break;
    case CLOSED: break;
    }
}

/* ---- the loop ------------------------------------------------------------------------------------------------- */

static void start_what_is_due(double now, double until) {
    while (idle_count && (want.rate > 0 ? next_intended <= now && next_intended < until : busy_count < want.inflight)) {
        struct connection *c = &pool[idle[idle_first]];
        idle_first = (idle_first + 1) % (uint32_t)want.connections;
        idle_count--;
        start_request(c, want.rate > 0 ? next_intended : now, now);
        if (want.rate > 0) next_intended -= log(1 - drand48()) / want.rate;
    }
}

/* Waits for something to happen until `until` at the latest, and takes what happened. */
static void turn(double until) {
    struct epoll_event events[256];
    double wait = fmax(0, until - seconds_now());
    struct timespec limit = {(time_t)wait, (long)((wait - floor(wait)) * 1e9)};
    int count = epoll_pwait2(poller, events, 256, &limit, NULL);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) /* a container that does not know it yet */
        count = epoll_wait(poller, events, 256, (int)ceil(wait * 1e3));
    if (count < 0 && errno != EINTR) give_up("waiting for events");
    double now = seconds_now();
    for (int i = 0; i < count; i++) progress(&pool[events[i].data.u32], now);
}

static void connect_all(void) {
    double deadline = seconds_now() + CONNECT_SECONDS;
    while (open_count < want.connections) {
        while (next_to_open < want.connections && connecting_count < CONNECTING_AT_ONCE)
            open_connection(&pool[next_to_open++]);
        turn(deadline);
        if (seconds_now() >= deadline) {
            errno = ETIMEDOUT;
            give_up("the connections were not taken in time");
        }
    }
}

/* Loads until `until`; earlier when enough requests for a warm server have been sent and `once` is in the past. */
static void load(double until, double once) {
    for (double now = seconds_now(); now < until; now = seconds_now()) {
        if (now >= once && started >= want.warm) return;
        start_what_is_due(now, until);
        turn(want.rate > 0 && idle_count ? fmin(next_intended, until) : fmin(until, fmax(once, now + 0.01)));
    }
}

/* Waits for what was intended within the window; what has not ended by then is as late as it is by now. */
static void drain(double until) {
    double now = seconds_now();
    for (; (busy_count || next_intended < end) && now < until; now = seconds_now()) {
        start_what_is_due(now, end);
        turn(until);
    }
    for (int i = 0; i < want.connections; i++)
        if (pool[i].state >= SENDING && counts(pool[i].intended)) {
            late++;
            record_latency(now - pool[i].intended);
        }
    /* No connection was free for these. */
    for (; next_intended < end; next_intended -= log(1 - drand48()) / want.rate) {
        late++;
        record_latency(now - next_intended);
    }
}

/* Every connection asks once and is then left alone, until somebody closes standard input. */
static void hold(void) {
    double deadline = seconds_now() + want.seconds;
    while (started < (uint64_t)want.connections && seconds_now() < deadline) {
        int left = want.connections - (int)started;
        want.inflight = left < CONNECTING_AT_ONCE ? busy_count + left : CONNECTING_AT_ONCE;
        start_what_is_due(seconds_now(), deadline);
        turn(seconds_now() + 0.01);
    }
    while (busy_count && seconds_now() < deadline) turn(deadline);
    printf("{\"held\": %u}\n", idle_count);
    fflush(stdout);
    char ignored;
    while (read(STDIN_FILENO, &ignored, 1) > 0) {}
}

static void measure(void) {
    double busy_before[CPUS] = {0}, busy_after[CPUS] = {0};
    double beginning = next_intended = seconds_now();
    load(beginning + want.warmup, beginning + fmin(want.warmup, 0.3));
    begin = seconds_now();
    end = begin + want.seconds;
    double watched = watched_seconds(), own = own_seconds();
    busy_seconds(busy_before);
    load(end, INFINITY);
    watched = watched_seconds() - watched;
    own = own_seconds() - own;
    busy_seconds(busy_after);
    if (want.rate > 0) drain(end + DRAIN_SECONDS);
    printf("{\"seconds\": %.6f, \"requests\": %lu, \"bytes\": %lu, \"unexpected\": %lu, \"broken\": %lu, \"late\": %lu, "
           "\"server_cpu\": %.4f, \"load_cpu\": %.4f, \"busy\": [",
           end - begin, completed, received, unexpected, broken, late, watched, own);
    for (int i = 0; i < want.cpus; i++) printf("%s%.2f", i ? ", " : "", busy_after[i] - busy_before[i]);
    printf("], \"percentiles_ms\": {");
    static const double percents[] = {50, 90, 99, 99.9, 99.99};
    for (int i = 0; i < 5; i++) printf("\"%g\": %.3f, ", percents[i], percentile_ms(percents[i]));
    printf("\"100\": %.3f}, \"histogram_ms\": [", (double)latency_max / 1e3);
    const char *between = "";
    for (uint64_t slot = 0; slot < SLOTS; slot++)
        if (latencies[slot]) {
            printf("%s[%.3f, %lu]", between, slot_ms(slot), latencies[slot]);
            between = ", ";
        }
    printf("]}\n");
}

/* ---- what is asked for ---------------------------------------------------------------------------------------- */

static void read_requests(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) give_up(path);
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    char *bytes = malloc((size_t)length + 1);
    if (!bytes || fread(bytes, 1, (size_t)length, file) != (size_t)length) give_up(path);
    fclose(file);
    bytes[length] = 0;
    size_t room = 0;
    for (char *at = bytes, *stop; (stop = strstr(at, "\r\n\r\n")); at = stop + 4) {
        if (request_count == room) requests = realloc(requests, (room = room ? 2 * room : 1024) * sizeof *requests);
        if (!requests) give_up("memory");
        requests[request_count++] = (struct text){at, (size_t)(stop + 4 - at)};
    }
    if (!request_count) give_up("no request in the file");
}

static int read_numbers(const char *text, int *numbers, int room) {
    int count = 0;
    for (char *at = (char *)text; *at && count < room; at += *at == ',') numbers[count++] = (int)strtol(at, &at, 10);
    return count;
}

static void read_arguments(int count, char **arguments) {
    enum { PORT = 1, REQUESTS, CONNECTIONS, INFLIGHT, SECONDS, WARMUP, WARM, RATE, EXPECT, WATCH, PROCESSORS, TLS, HOLD };
    static const struct option options[] = {
        {"port", 1, 0, PORT},           /* on 127.0.0.1 */
        {"requests", 1, 0, REQUESTS},   /* the file */
        {"connections", 1, 0, CONNECTIONS},
        {"inflight", 1, 0, INFLIGHT},   /* requests on their way at once; as many as connections, if not said */
        {"seconds", 1, 0, SECONDS},
        {"warmup", 1, 0, WARMUP},       /* seconds at most, uncounted: until `warm` requests have been sent */
        {"warm", 1, 0, WARM},           /* all that are in the file, if not said */
        {"rate", 1, 0, RATE},           /* requests a second; without it, as fast as they are answered */
        {"expect", 1, 0, EXPECT},       /* the status of a good answer */
        {"watch", 1, 0, WATCH},         /* processes whose processor time is the server's */
        {"processors", 1, 0, PROCESSORS}, /* whose business is reported */
        {"tls", 0, 0, TLS},
        {"hold", 0, 0, HOLD},           /* ask once on each connection, say so, keep them all open */
        {0},
    };
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) switch (option) {
        case PORT: want.port = atoi(optarg); break;
        case REQUESTS: read_requests(optarg); break;
        case CONNECTIONS: want.connections = atoi(optarg); break;
        case INFLIGHT: want.inflight = atoi(optarg); break;
        case SECONDS: want.seconds = atof(optarg); break;
        case WARMUP: want.warmup = atof(optarg); break;
        case WARM: want.warm = strtoull(optarg, NULL, 10); break;
        case RATE: want.rate = atof(optarg); break;
        case EXPECT: want.expected = atoi(optarg); break;
        case WATCH: want.pids = read_numbers(optarg, want.pid, PIDS); break;
        case PROCESSORS: want.cpus = read_numbers(optarg, want.cpu, CPUS); break;
        case TLS: want.tls = true; break;
        case HOLD: want.hold = true; break;
        default: exit(2);
        }
    if (!want.port || !request_count || want.connections < 1) exit(2);
    if (!want.warm) want.warm = request_count;
    if (!want.inflight || want.inflight > want.connections) want.inflight = want.connections;
}

int main(int count, char **arguments) {
    read_arguments(count, arguments);
    prctl(PR_SET_TIMERSLACK, 1UL);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    srand48(1);
#ifdef WITH_TLS
    tls_context = SSL_CTX_new(TLS_client_method());
#else
    if (want.tls) {
        fprintf(stderr, "loader: built without TLS\n");
        return 2;
    }
#endif
    poller = epoll_create1(EPOLL_CLOEXEC);
    pool = calloc((size_t)want.connections, sizeof *pool);
    idle = calloc((size_t)want.connections, sizeof *idle);
    char *heads = calloc((size_t)want.connections, HEAD_BYTES);
    if (poller < 0 || !pool || !idle || !heads) give_up("memory");
    for (int i = 0; i < want.connections; i++) pool[i].head = heads + (size_t)i * HEAD_BYTES;
    connect_all();
    if (want.hold)
        hold();
    else
        measure();
    return 0;
}
