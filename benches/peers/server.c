/* The server that generators are compared on: one thread, epoll, HTTP/1.1 or echo, and three things
 * that have a known truth: a constant delay for every request, a freeze at fixed times, and a count of
 * how evenly requests arrive. It prints its port, and on SIGTERM what it saw.
 *
 *     server http|echo|udp|trains [spin] [delay US] [freeze PERIOD_MS LENGTH_MS]
 *
 * With `spin` it never sleeps, and with a delay neither, so that replies leave on time. A freeze is a sleep
 * of the whole thread; the first comes half a period after the first request, and each PERIOD_MS, which may
 * have a fraction lest an even load be hit at the same phase each time. `trains` is `udp` with
 * datagrams that the kernel puts together (UDP_GRO) and takes apart (UDP_SEGMENT). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 4096, LARGEST = 1 << 16, WAITING = 1 << 20 };
enum kind { HTTP, ECHO, DATAGRAMS, TRAINS };

static const char REPLY[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"
                            "Connection: keep-alive\r\n\r\n" /* ab speaks HTTP/1.0 */
                            "Hello, world\n";
static char replies[64 * sizeof REPLY];
static enum kind kind;
static int spins;
static int64_t delay_ns, freeze_period_ns, freeze_length_ns, freeze_at_ns;

/* Gaps between arrivals: their number, sum and sum of squares. */
static int64_t last_ns;
static double gaps, gap_sum, gap_squares;

/* The first of them, by which a plan is laid beside what the server saw. */
static int64_t arrivals_ns[1000];
static int arrivals;

/* Freezes: from, until, and when everything that had come meanwhile was answered: one round does it. */
static struct { int64_t from_ns, until_ns, drained_ns; } freezes[1024];
static int frozen;

/* Replies that wait for their time, oldest first. */
static struct { int64_t due_ns; int socket; } waiting[WAITING];
static uint64_t oldest, newest;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void say(int signal) {
    (void)signal;
    double mean = gaps ? gap_sum / gaps : 0;
    char line[200];
    int length = snprintf(line, sizeof line, "arrivals %.0f cv2 %.4f\n", gaps + 1,
                          gaps ? gap_squares / gaps / (mean * mean) - 1 : 0);
    if (write(1, line, length) < 0) _exit(1);
    for (int i = 0; i < arrivals; i++) {
        length = snprintf(line, sizeof line, "arrived %.6f\n", arrivals_ns[i] / 1e9);
        if (write(1, line, length) < 0) _exit(1);
    }
    for (int i = 0; i < frozen; i++) {
        length = snprintf(line, sizeof line, "froze %.6f %.6f %.6f\n", freezes[i].from_ns / 1e9,
                          freezes[i].until_ns / 1e9, freezes[i].drained_ns / 1e9);
        if (write(1, line, length) < 0) _exit(1);
    }
    _exit(0);
}

static void arrived(int64_t at_ns) {
    if (!arrivals) freeze_at_ns = at_ns + freeze_period_ns / 2;
    if (arrivals < 1000) arrivals_ns[arrivals++] = at_ns;
    if (last_ns) {
        double gap = at_ns - last_ns;
        gaps++, gap_sum += gap, gap_squares += gap * gap;
    }
    last_ns = at_ns;
}

/* Answers `count` requests of one connection, at once or when they are due. */
static void answer(int socket, int count) {
    int64_t at_ns = now_ns();
    for (int i = 0; i < count; i++) {
        arrived(at_ns);
        if (delay_ns) {
            waiting[newest % WAITING].due_ns = at_ns + delay_ns;
            waiting[newest++ % WAITING].socket = socket;
        }
    }
    while (!delay_ns && count > 0) {
        int some = count < 64 ? count : 64;
        if (send(socket, replies, some * (sizeof REPLY - 1), MSG_NOSIGNAL) < 0) return;
        count -= some;
    }
}

/* Reads what is there. A request is cut at its empty line; one that comes in pieces is put together
 * by remembering how much of the empty line was seen. Returns 0 at the end. */
static int serve(int socket) {
    static char bytes[LARGEST];
    static uint8_t seen[CLIENTS];
    for (ssize_t length = sizeof bytes; length == sizeof bytes;) { /* less is all there was */
        length = recv(socket, bytes, sizeof bytes, 0);
        if (length <= 0) return length < 0 && errno == EAGAIN;
        int count = 0;
        if (kind == ECHO && send(socket, bytes, length, MSG_NOSIGNAL) != length) return 0;
        for (char *at = bytes, *end = bytes + length; kind == HTTP && at < end; at++) {
            if (seen[socket] == 0 && !(at = memchr(at, '\r', end - at))) break;
            seen[socket] = *at == "\r\n\r\n"[seen[socket]] ? seen[socket] + 1 : *at == '\r';
            if (seen[socket] == 4) count++, seen[socket] = 0;
        }
        if (count) answer(socket, count);
    }
    return 1;
}

static void datagrams(int server) {
    static char bytes[LARGEST];
    struct sockaddr_in from;
    for (;;) {
        socklen_t size = sizeof from;
        ssize_t length = recvfrom(server, bytes, sizeof bytes, spins ? MSG_DONTWAIT : 0, (struct sockaddr *)&from, &size);
        if (length < 0) continue;
        arrived(now_ns());
        sendto(server, bytes, length, 0, (struct sockaddr *)&from, size);
    }
}

/* A train comes from one sender, in one buffer; sent back with the same size of segments it is a train
 * again, of as many replies. */
static void trains(int server) {
    static char bytes[LARGEST];
    static union { struct cmsghdr first; char all[CMSG_SPACE(sizeof(int))]; } control;
    struct sockaddr_in from;
    struct iovec all = {.iov_base = bytes};
    int one = 1;
    if (setsockopt(server, IPPROTO_UDP, UDP_GRO, &one, sizeof one)) perror("UDP_GRO"), exit(1);
    for (;;) {
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &all, .msg_iovlen = 1,
                                 .msg_control = &control, .msg_controllen = sizeof control};
        all.iov_len = sizeof bytes;
        ssize_t length = recvmsg(server, &message, spins ? MSG_DONTWAIT : 0);
        if (length < 0) continue;
        struct cmsghdr *note = CMSG_FIRSTHDR(&message);
        if (note && (note->cmsg_level != IPPROTO_UDP || note->cmsg_type != UDP_GRO)) note = NULL;
        int size = length;
        if (note) memcpy(&size, CMSG_DATA(note), sizeof size);
        for (int64_t at_ns = now_ns(), left = length; left > 0; left -= size) arrived(at_ns);
        all.iov_len = length;
        message.msg_control = note ? &control : NULL;
        message.msg_controllen = note ? CMSG_SPACE(sizeof(uint16_t)) : 0;
        if (note) {
            uint16_t segment = size;
            note->cmsg_type = UDP_SEGMENT, note->cmsg_len = CMSG_LEN(sizeof segment);
            memcpy(CMSG_DATA(note), &segment, sizeof segment);
        }
        sendmsg(server, &message, 0);
    }
}

int main(int argc, char **argv) {
    static const char *kinds[] = {"http", "echo", "udp", "trains"};
    for (int i = 0; i < 4; i++) if (argc > 1 && !strcmp(argv[1], kinds[i])) kind = i;
    for (int i = 2; i < argc; i++) spins |= !strcmp(argv[i], "spin");
    for (int i = 2; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "delay")) delay_ns = atoll(argv[i + 1]) * 1000;
        if (!strcmp(argv[i], "freeze") && i + 2 < argc) {
            freeze_period_ns = atof(argv[i + 1]) * 1e6;
            freeze_length_ns = atoll(argv[i + 2]) * 1000000;
            freeze_at_ns = INT64_MAX; /* until the first request has come */
        }
    }
    for (size_t i = 0; i < 64; i++) memcpy(replies + i * (sizeof REPLY - 1), REPLY, sizeof REPLY - 1);
    signal(SIGTERM, say);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    int one = 1, buffer = 4 << 20;
    int server = socket(AF_INET, (kind >= DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM), 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    setsockopt(server, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (bind(server, (struct sockaddr *)&here, size)) return perror("bind"), 1;
    getsockname(server, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    if (kind == DATAGRAMS) datagrams(server);
    if (kind == TRAINS) trains(server);
    listen(server, 4096);
    setsockopt(server, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    fcntl(server, F_SETFL, O_NONBLOCK);
    int epoll = epoll_create1(0);
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.fd = server};
    epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        int draining = frozen && !freezes[(frozen - 1) % 1024].drained_ns;
        int count = epoll_wait(epoll, events, 256, delay_ns || spins ? 0 : freeze_period_ns ? 1 : -1);
        for (int i = 0; i < count; i++) {
            int socket = events[i].data.fd;
            if (socket == server) {
                while ((socket = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (socket >= CLIENTS) { close(socket); continue; }
                    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = socket, event.events = EPOLLIN | EPOLLET;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
                }
            } else if (!serve(socket)) {
                close(socket);
            }
        }
        if (draining) freezes[(frozen - 1) % 1024].drained_ns = now_ns();
        for (; oldest < newest && waiting[oldest % WAITING].due_ns <= now_ns(); oldest++)
            send(waiting[oldest % WAITING].socket, REPLY, sizeof REPLY - 1, MSG_NOSIGNAL);
        if (freeze_period_ns && now_ns() >= freeze_at_ns) {
            struct timespec until = {.tv_sec = (freeze_at_ns + freeze_length_ns) / 1000000000,
                                     .tv_nsec = (freeze_at_ns + freeze_length_ns) % 1000000000};
            freezes[frozen % 1024].from_ns = now_ns();
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            freezes[frozen++ % 1024].until_ns = now_ns();
            freeze_at_ns += freeze_period_ns;
        }
    }
}
