/* An OpenAI-shaped upstream that costs next to nothing: what a proxy adds is then what is measured.
 *
 *   cc -O2 -o mock_upstream mock_upstream.c && ./mock_upstream [SECONDS]
 *
 * Binds 127.0.0.1 on a free port, prints "port N", serves for SECONDS (default 900) and exits by itself. Linux (epoll), one thread, HTTP/1.1
 * keep-alive. POST .../chat/completions answers JSON or, with "stream": true, server-sent events; fields of the request's body say how:
 *   "mock_chunks": N        content chunks of a stream (default 100)
 *   "mock_interval_us": N   pause between chunks (default 0: one write() per chunk, as fast as the socket takes them)
 * GET .../models lists one model; GET /stats returns {"requests", "streams", "chunks", "request_bytes"}.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 1024, OUT_SIZE = 4096 };

struct connection {
    int open;
    char *in;
    size_t in_used, in_size;
    char out[OUT_SIZE]; /* one response or one event: the next is made when this one is gone */
    size_t out_used, out_sent;
    int wants_write, keep_alive;
    long chunks_left; /* of a stream; -1: no stream */
    int role_sent;
    uint64_t interval_us, due_us;
};

static struct connection connections[MAX_FD];
static int poller, highest_fd;
static unsigned long requests, streams, chunks, request_bytes;

static const char ANSWER[] =
    "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"mock\",\"choices\":[{\"index\":0,\"message\":{"
    "\"role\":\"assistant\",\"content\":\"The harbour is calm in the morning, and the ferry leaves at nine.\"},\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":15,\"total_tokens\":35}}";
static const char MODELS[] =
    "{\"object\":\"list\",\"data\":[{\"id\":\"mock\",\"object\":\"model\",\"created\":1760000000,\"owned_by\":\"benchmark\"}]}";
static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
#define EVENT(delta, finish) \
    "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"mock\"," \
    "\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}]}\n\n"

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void hang_up(int fd)
{
    close(fd); /* also leaves the epoll set */
    free(connections[fd].in);
    memset(&connections[fd], 0, sizeof connections[fd]);
}

static void watch(int fd, int wants_write)
{
    struct epoll_event event = {.events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.fd = fd};
    if (connections[fd].wants_write != wants_write)
        epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
    connections[fd].wants_write = wants_write;
}

static void put(struct connection *c, const char *data, size_t size)
{
    if (size <= OUT_SIZE - c->out_used) {
        memcpy(c->out + c->out_used, data, size);
        c->out_used += size;
    }
}

static void put_chunk(struct connection *c, const char *event, size_t size)
{
    char head[24];
    put(c, head, (size_t)snprintf(head, sizeof head, "%zx\r\n", size));
    put(c, event, size);
    put(c, "\r\n", 2);
}

static void put_response(struct connection *c, const char *status, const char *body, size_t size)
{
    char head[256];
    int used = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, size);
    put(c, head, (size_t)used);
    put(c, body, size);
}

/* The next event of a stream goes into the (empty) buffer. */
static void next_event(struct connection *c)
{
    static const char role[] = EVENT("{\"role\":\"assistant\",\"content\":\"\"}", "null");
    static const char word[] = EVENT("{\"content\":\" harbour\"}", "null");
    static const char last[] = EVENT("{}", "\"stop\"");
    if (!c->role_sent) {
        c->role_sent = 1;
        put_chunk(c, role, sizeof role - 1);
    } else if (c->chunks_left > 0) {
        c->chunks_left--;
        chunks++;
        put_chunk(c, word, sizeof word - 1);
    } else {
        put_chunk(c, last, sizeof last - 1);
        put_chunk(c, "data: [DONE]\n\n", 14);
        put(c, "0\r\n\r\n", 5);
        c->chunks_left = -1;
    }
}

/* Writes what is ready, and goes on with a stream that is not paced. Returns 0 when the connection is gone. */
static int flush_out(int fd)
{
    struct connection *c = &connections[fd];
    for (;;) {
        while (c->out_sent < c->out_used) {
            ssize_t sent = send(fd, c->out + c->out_sent, c->out_used - c->out_sent, MSG_NOSIGNAL);
            if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                watch(fd, 1);
                return 1;
            }
            if (sent < 0) {
                hang_up(fd);
                return 0;
            }
            c->out_sent += (size_t)sent;
        }
        c->out_used = c->out_sent = 0;
        if (c->chunks_left < 0)
            break;
        if (c->interval_us && c->role_sent) {
            c->due_us = now_us() + c->interval_us;
            break;
        }
        next_event(c);
    }
    watch(fd, 0);
    if (c->chunks_left < 0 && !c->keep_alive) {
        hang_up(fd);
        return 0;
    }
    return 1;
}

static long field(const char *body, const char *name, long otherwise)
{
    const char *at = strstr(body, name);
    if (!at)
        return otherwise;
    at += strlen(name);
    while (*at == '"' || *at == ':' || *at == ' ')
        at++;
    return strtol(at, NULL, 10);
}

static int is_true(const char *body, const char *name)
{
    const char *at = strstr(body, name);
    if (!at)
        return 0;
    at += strlen(name);
    while (*at == ':' || *at == ' ')
        at++;
    return strncmp(at, "true", 4) == 0;
}

static void answer(struct connection *c, const char *head, const char *body)
{
    char stats[160];
    c->chunks_left = -1;
    if (strncmp(head, "GET /stats", 10) == 0) {
        int used = snprintf(stats, sizeof stats, "{\"requests\":%lu,\"streams\":%lu,\"chunks\":%lu,\"request_bytes\":%lu}", requests, streams,
                            chunks, request_bytes);
        put_response(c, "200 OK", stats, (size_t)used);
    } else if (strncmp(head, "GET ", 4) == 0 && strstr(head, "/models ")) {
        put_response(c, "200 OK", MODELS, sizeof MODELS - 1);
    } else if (strncmp(head, "POST ", 5) == 0 && strstr(head, "/chat/completions ")) {
        requests++;
        if (!is_true(body, "\"stream\"")) {
            put_response(c, "200 OK", ANSWER, sizeof ANSWER - 1);
            return;
        }
        streams++;
        c->chunks_left = field(body, "\"mock_chunks", 100);
        c->interval_us = (uint64_t)field(body, "\"mock_interval_us", 0);
        c->role_sent = 0;
        put(c, STREAM_HEAD, sizeof STREAM_HEAD - 1);
    } else {
        static const char missing[] = "{\"error\":{\"message\":\"no such route\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}";
        put_response(c, "404 Not Found", missing, sizeof missing - 1);
    }
}

/* Answers every whole request in the buffer, one at a time: a stream must end before the next request is read. */
static void serve(int fd)
{
    struct connection *c = &connections[fd];
    while (c->in_used && c->chunks_left < 0 && !c->out_used) {
        c->in[c->in_used] = 0;
        char *body = strstr(c->in, "\r\n\r\n");
        if (!body)
            return;
        body += 4;
        size_t length = 0;
        c->keep_alive = 1;
        for (char *line = c->in; line < body - 2; line = strstr(line, "\r\n") + 2) {
            if (strncasecmp(line, "content-length:", 15) == 0)
                length = strtoul(line + 15, NULL, 10);
            if (strncasecmp(line, "connection: close", 17) == 0)
                c->keep_alive = 0;
        }
        size_t whole = (size_t)(body - c->in) + length;
        if (c->in_used < whole)
            return;
        char after = c->in[whole];
        c->in[whole] = 0;
        body[-1] = 0; /* so that searching the head ends at the head */
        request_bytes += whole;
        answer(c, c->in, body);
        c->in[whole] = after;
        c->in_used -= whole;
        memmove(c->in, c->in + whole, c->in_used);
        if (!flush_out(fd))
            return;
    }
}

static void read_some(int fd)
{
    struct connection *c = &connections[fd];
    for (;;) {
        if (c->in_used + 4097 > c->in_size) {
            c->in_size = c->in_size ? 2 * c->in_size : 16384;
            c->in = realloc(c->in, c->in_size);
            if (!c->in)
                exit(1);
        }
        ssize_t got = recv(fd, c->in + c->in_used, c->in_size - c->in_used - 1, 0);
        if (got > 0) {
            c->in_used += (size_t)got;
            continue;
        }
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        hang_up(fd);
        return;
    }
    serve(fd);
}

static void accept_all(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_FD) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        memset(&connections[fd], 0, sizeof connections[fd]);
        connections[fd].open = 1;
        connections[fd].chunks_left = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        if (fd > highest_fd)
            highest_fd = fd;
    }
}

/* Sends the events that are due. Returns how long epoll may sleep, in milliseconds. */
static int send_due(void)
{
    uint64_t now = now_us(), soonest = now + 100000;
    for (int fd = 0; fd <= highest_fd; fd++) {
        struct connection *c = &connections[fd];
        if (!c->open || !c->due_us)
            continue;
        if (c->due_us <= now) {
            c->due_us = 0;
            next_event(c);
            if (!flush_out(fd))
                continue;
            if (c->chunks_left < 0)
                serve(fd);
        }
        if (c->due_us && c->due_us < soonest)
            soonest = c->due_us;
    }
    return soonest <= now ? 0 : (int)((soonest - now + 999) / 1000);
}

int main(int argc, char **argv)
{
    uint64_t end_us = now_us() + 1000000u * (uint64_t)(argc > 1 ? atol(argv[1]) : 900);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    poller = epoll_create1(0);
    signal(SIGPIPE, SIG_IGN);
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 256) || getsockname(listener, (struct sockaddr *)&address, &size)) {
        perror("mock_upstream");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[64];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (now_us() < end_us) {
        int ready = epoll_wait(poller, events, 64, send_due());
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all(listener);
                continue;
            }
            if (connections[fd].open && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                read_some(fd);
            if (connections[fd].open && events[i].events & EPOLLOUT && flush_out(fd))
                serve(fd);
        }
    }
    return 0;
}
