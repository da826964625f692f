/* A mail server that takes everything as fast as one core can, so that a benchmark measures its clients.
 *
 *   sink [--delay-ms N] [--refuse-percent N] [--drop-percent N] [--no-pipelining] [--no-chunking]
 *
 * Listens on a free port of 127.0.0.1 and says it on standard output; each line on standard input is answered with
 * "accepted N refused N dropped N connections N bytes N". Ends with its standard input.
 *
 * --delay-ms        every reply leaves so much later than its command came: a round trip, without the network
 * --refuse-percent  so many recipients of a hundred are refused with 552 5.2.2, always the same ones
 * --drop-percent    so many MAIL commands of a hundred are answered by closing the connection
 *
 * PIPELINING (RFC 2920) costs it nothing: commands are answered in the order in which they are read. CHUNKING: RFC 3030.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_ = 4096, READ_MAX = 1 << 18, OUT_MAX = 1 << 16 };
enum mode { COMMAND, DATA, CHUNK };

struct connection {
    int fd;
    enum mode mode;
    int recipients;            /* accepted for the message under way */
    int matched;               /* how much of CRLF . CRLF the content's end has shown */
    int last_chunk;
    int closing;               /* after what is queued for it */
    int waiting;               /* replies of it in the queue */
    int gone;
    size_t chunk_left;
    size_t line_length;
    size_t out_length;
    char line[LINE_MAX_];
    char out[OUT_MAX];         /* replies of one read, leaving in one write */
};

struct reply {
    struct reply *next;
    struct connection *to;
    int64_t due;
    size_t length;
    char bytes[];
};

static struct reply *first, **last = &first;
static int64_t delay_ns;
static int refuse_percent, drop_percent, pipelining = 1, chunking = 1, poller;
static uint64_t accepted, refused, dropped, connections, content_bytes;
static uint32_t seed = 2463534242u;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint32_t chance(void) { /* xorshift32: the same run again */
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % 10000;
}

static uint32_t hash(const char *text, size_t length) {
    uint32_t value = 2166136261u;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)text[i]) * 16777619u;
    return (value ^ (value >> 15)) % 10000;
}

static void release(struct connection *c) {
    if (c->gone && c->waiting == 0) free(c);
}

static void hang_up(struct connection *c) {
    if (c->gone) return;
    close(c->fd);
    c->gone = 1;
}

static void put(struct connection *c, const char *bytes, size_t length) {
    while (length > 0 && !c->gone) {
        ssize_t sent = send(c->fd, bytes, length, MSG_NOSIGNAL);
        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            hang_up(c);
        }
    }
}

static void say(struct connection *c, const char *text) {
    size_t length = strlen(text);
    if (c->out_length + length > OUT_MAX) {
        put(c, c->out, c->out_length);
        c->out_length = 0;
    }
    memcpy(c->out + c->out_length, text, length);
    c->out_length += length;
}

static void flush(struct connection *c) {
    if (c->out_length == 0) return;
    if (delay_ns == 0) {
        put(c, c->out, c->out_length);
    } else {
        struct reply *r = malloc(sizeof *r + c->out_length);
        if (r == NULL) die("malloc");
        r->next = NULL;
        r->to = c;
        r->due = now_ns() + delay_ns;
        r->length = c->out_length;
        memcpy(r->bytes, c->out, c->out_length);
        *last = r;
        last = &r->next;
        c->waiting++;
    }
    c->out_length = 0;
}

/* Milliseconds until the next reply is due; -1: none waits. */
static int send_due(void) {
    while (first != NULL) {
        int64_t left = first->due - now_ns();
        if (left > 0) return (int)((left + 999999) / 1000000);
        struct reply *r = first;
        first = r->next;
        if (first == NULL) last = &first;
        struct connection *c = r->to;
        put(c, r->bytes, r->length);
        free(r);
        c->waiting--;
        if (c->closing && c->waiting == 0) hang_up(c);
        release(c);
    }
    return -1;
}

static void take_message(struct connection *c) {
    c->mode = COMMAND;
    if (c->recipients > 0) {
        accepted++;
        say(c, "250 2.0.0 Ok: queued\r\n");
    } else {
        say(c, "554 5.5.1 No valid recipients\r\n");
    }
    c->recipients = 0;
}

static void recipient(struct connection *c) {
    if (refuse_percent > 0 && (int)hash(c->line, c->line_length) < refuse_percent * 100) {
        refused++;
        say(c, "552 5.2.2 Mailbox full\r\n");
        return;
    }
    c->recipients = 1;
    say(c, "250 2.1.5 Ok\r\n");
}

static void greet(struct connection *c) {
    say(c, "250-sink\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SIZE 52428800\r\n");
    if (pipelining) say(c, "250-PIPELINING\r\n");
    if (chunking) say(c, "250-CHUNKING\r\n");
    say(c, "250 SMTPUTF8\r\n");
}

static void command(struct connection *c) {
    c->line[c->line_length] = 0;
    if (strncasecmp(c->line, "MAIL", 4) == 0) {
        c->recipients = 0;
        if (drop_percent > 0 && (int)chance() < drop_percent * 100) {
            dropped++;
            put(c, c->out, c->out_length);
            c->out_length = 0;
            hang_up(c);
            return;
        }
        say(c, "250 2.1.0 Ok\r\n");
    } else if (strncasecmp(c->line, "RCPT", 4) == 0) {
        recipient(c);
    } else if (strncasecmp(c->line, "DATA", 4) == 0) {
        if (c->recipients > 0) {
            c->mode = DATA;
            c->matched = 2; /* an empty message begins at a line's begin */
            say(c, "354 Go on\r\n");
        } else {
            say(c, "554 5.5.1 No valid recipients\r\n");
        }
    } else if (strncasecmp(c->line, "BDAT", 4) == 0) {
        c->chunk_left = strtoull(c->line + 4, NULL, 10);
        c->last_chunk = strcasestr(c->line, "LAST") != NULL;
        c->mode = CHUNK;
    } else if (strncasecmp(c->line, "EHLO", 4) == 0) {
        greet(c);
    } else if (strncasecmp(c->line, "QUIT", 4) == 0) {
        say(c, "221 2.0.0 Bye\r\n");
        c->closing = 1;
    } else {
        c->recipients = 0;
        say(c, "250 2.0.0 Ok\r\n");
    }
}

static size_t read_line(struct connection *c, const char *bytes, size_t length) {
    const char *end = memchr(bytes, '\n', length);
    size_t taken = end != NULL ? (size_t)(end - bytes) + 1 : length;
    if (c->line_length + taken >= LINE_MAX_) {
        hang_up(c);
        return length;
    }
    memcpy(c->line + c->line_length, bytes, taken);
    c->line_length += taken;
    if (end != NULL) {
        command(c);
        c->line_length = 0;
    }
    return taken;
}

static size_t read_data(struct connection *c, const char *bytes, size_t length) {
    static const char END[] = "\r\n.\r\n";
    size_t i = 0;
    while (i < length) {
        if (c->matched == 0) { /* nothing of the end is there: jump to where it can begin */
            const char *next = memmem(bytes + i, length - i, "\r\n.", 3);
            if (next == NULL) next = length - i > 2 ? bytes + length - 2 : bytes + i;
            i = (size_t)(next - bytes);
        }
        char byte = bytes[i++];
        if (byte == END[c->matched]) {
            c->matched++;
        } else {
            c->matched = byte == '\r' ? 1 : 0;
        }
        if (c->matched == 5) {
            c->matched = 0;
            content_bytes += i;
            take_message(c);
            return i;
        }
    }
    content_bytes += length;
    return length;
}

static size_t read_chunk(struct connection *c, size_t length) {
    size_t taken = length < c->chunk_left ? length : c->chunk_left;
    c->chunk_left -= taken;
    content_bytes += taken;
    if (c->chunk_left == 0) {
        if (c->last_chunk) {
            take_message(c);
        } else {
            c->mode = COMMAND;
            say(c, "250 2.0.0 Ok\r\n");
        }
    }
    return taken;
}

static void receive(struct connection *c) {
    static char bytes[READ_MAX];
    ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) hang_up(c);
        return;
    }
    size_t at = 0, length = (size_t)got;
    while ((at < length || (c->mode == CHUNK && c->chunk_left == 0)) && !c->gone && !c->closing) {
        if (c->mode == COMMAND) {
            at += read_line(c, bytes + at, length - at);
        } else if (c->mode == DATA) {
            at += read_data(c, bytes + at, length - at);
        } else {
            at += read_chunk(c, length - at);
        }
    }
    if (!c->gone) flush(c);
    if (c->closing && c->waiting == 0) hang_up(c);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *c = calloc(1, sizeof *c);
        if (c == NULL) die("calloc");
        c->fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
        connections++;
        say(c, "220 sink ESMTP\r\n");
        flush(c);
    }
}

static void report(void) {
    char line[256];
    if (read(0, line, sizeof line) <= 0) exit(0);
    printf("accepted %lu refused %lu dropped %lu connections %lu bytes %lu\n", accepted, refused, dropped, connections,
           content_bytes);
    fflush(stdout);
}

static int listen_somewhere(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 512) < 0) die("listen");
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) die("getsockname");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void read_options(int count, char **words) {
    for (int i = 1; i < count; i++) {
        int more = i + 1 < count;
        if (strcmp(words[i], "--no-pipelining") == 0) pipelining = 0;
        else if (strcmp(words[i], "--no-chunking") == 0) chunking = 0;
        else if (more && strcmp(words[i], "--delay-ms") == 0) delay_ns = atoll(words[++i]) * 1000000;
        else if (more && strcmp(words[i], "--refuse-percent") == 0) refuse_percent = atoi(words[++i]);
        else if (more && strcmp(words[i], "--drop-percent") == 0) drop_percent = atoi(words[++i]);
        else {
            fprintf(stderr, "sink: unknown option %s\n", words[i]);
            exit(2);
        }
    }
}

int main(int count, char **words) {
    static int listener_mark, input_mark;
    read_options(count, words);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) die("epoll_create1");
    int listener = listen_somewhere();
    struct epoll_event listening = {.events = EPOLLIN, .data.ptr = &listener_mark};
    struct epoll_event input = {.events = EPOLLIN, .data.ptr = &input_mark};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &listening) < 0) die("epoll_ctl");
    if (epoll_ctl(poller, EPOLL_CTL_ADD, 0, &input) < 0) die("epoll_ctl: standard input");
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(poller, events, 64, send_due());
        for (int i = 0; i < ready; i++) {
            if (events[i].data.ptr == &listener_mark) accept_all(listener);
            else if (events[i].data.ptr == &input_mark) report();
            else {
                struct connection *c = events[i].data.ptr;
                receive(c);
                release(c);
            }
        }
    }
}
