/* The work protocol and a server's beginning and end, as little as a plain C server needs of them.
 * A message opens with 64 bytes, integers in network byte order:
 *   request: "XOq1", length, id (8), wait in ns (8), compute in ns (8), size of the reply (4)
 *   reply:   "XOr1", length, id (8), outcome (1) and three zeros, worker (4), received so far (8),
 *            taken up (8), finished (8), computed (8), waited (8) */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { HEADER = 64, LARGEST = 1 << 16 };

static uint64_t received_so_far;

static uint64_t now_ns(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return at.tv_sec * 1000000000ull + at.tv_nsec;
}

static uint32_t get32(const uint8_t *from) { uint32_t n; memcpy(&n, from, 4); return be32toh(n); }
static uint64_t get64(const uint8_t *from) { uint64_t n; memcpy(&n, from, 8); return be64toh(n); }
static void put32(uint8_t *to, uint32_t n) { n = htobe32(n); memcpy(to, &n, 4); }
static void put64(uint8_t *to, uint64_t n) { n = htobe64(n); memcpy(to, &n, 8); }

/* Length of the request at the front of `bytes`: 0 if not all of it is there, -1 if it is none. */
static long request_length(const uint8_t *bytes, size_t count) {
    if (count < HEADER) return 0;
    uint32_t length = get32(bytes + 4);
    if (memcmp(bytes, "XOq1", 4) || length < HEADER || length > LARGEST) return -1;
    return length <= count ? (long)length : 0;
}

/* Does what the request asks and writes the reply, which has room for LARGEST bytes; its length. */
static size_t answer(const uint8_t *request, uint8_t *reply) {
    uint64_t taken_up = now_ns(CLOCK_MONOTONIC);
    uint64_t wait = get64(request + 16), compute = get64(request + 24), computed = 0, waited = 0;
    uint32_t size = get32(request + 32);
    if (size < HEADER) size = HEADER;
    if (size > LARGEST) size = LARGEST;
    if (compute) {
        uint64_t from = now_ns(CLOCK_THREAD_CPUTIME_ID);
        while ((computed = now_ns(CLOCK_THREAD_CPUTIME_ID) - from) < compute) {}
    }
    if (wait) {
        uint64_t from = now_ns(CLOCK_MONOTONIC);
        struct timespec length = {wait / 1000000000, wait % 1000000000};
        nanosleep(&length, NULL);
        waited = now_ns(CLOCK_MONOTONIC) - from;
    }
    memset(reply, 0, size);
    memcpy(reply, "XOr1", 4);
    put32(reply + 4, size);
    memcpy(reply + 8, request + 8, 8);
    put64(reply + 24, __atomic_add_fetch(&received_so_far, 1, __ATOMIC_RELAXED));
    put64(reply + 32, taken_up);
    put64(reply + 40, now_ns(CLOCK_MONOTONIC));
    put64(reply + 48, computed);
    put64(reply + 56, waited);
    return size;
}

/* Talks with one client until it closes. */
static inline void converse(int client) {
    uint8_t in[LARGEST], out[LARGEST];
    size_t have = 0;
    for (ssize_t count; (count = read(client, in + have, LARGEST - have)) > 0;) {
        have += count;
        long length;
        while ((length = request_length(in, have)) > 0) {
            size_t size = answer(in, out);
            if (write(client, out, size) != (ssize_t)size) break; /* it blocks until all is written */
            memmove(in, in + length, have -= length);
        }
        if (length != 0) break;
    }
    close(client);
}

/* SIGTERM: ends the workers and collects them, so that the kernel counts their time as ours. */
static void on_end(int signal) {
    (void)signal;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &ignore, NULL);
    kill(0, SIGTERM);
    while (wait(NULL) > 0 || errno == EINTR) {}
    _exit(0);
}

/* In a worker process: SIGTERM ends it in the ordinary way. */
static inline void become_worker(void) {
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Binds a socket to a free port of the loopback address, listens if it is one for connections,
 * and prints where. */
static int open_server(int type) {
    int on = 1, buffer = 4 << 20, server = socket(AF_INET, type, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (type == SOCK_STREAM) {
        setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(server, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    } else {
        setsockopt(server, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    if (bind(server, (struct sockaddr *)&address, length) < 0
        || (type == SOCK_STREAM && listen(server, 4096) < 0)) {
        perror("cannot listen");
        exit(1);
    }
    getsockname(server, (struct sockaddr *)&address, &length);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_TIMERSLACK, 1);
    struct sigaction end = {.sa_handler = on_end, .sa_flags = SA_RESTART};
    sigaction(SIGTERM, &end, NULL);
    signal(SIGPIPE, SIG_IGN);
    printf("{\"listening\":\"127.0.0.1:%d\",\"pid\":%d}\n", ntohs(address.sin_port), getpid());
    fflush(stdout);
    return server;
}
