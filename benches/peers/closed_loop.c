/* The barest closed loop there is: N connections, epoll, no clock, no parsing, nothing recorded. What a
 * generator could do if it measured nothing. Prints requests a second and processor time a request.
 *
 *     closed_loop http|echo PORT CONNECTIONS SECONDS [recv]
 *
 * With recv it calls recv and send instead of read and write, which skip what those ask of any file. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc < 5) return fputs("closed_loop http|echo PORT CONNECTIONS SECONDS [recv]\n", stderr), 2;
    int of_sockets = argc > 5;
    static char request[64] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", bytes[1 << 16];
    int http = !strcmp(argv[1], "http");
    size_t length = http ? strlen(request) : sizeof request;
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int epoll = epoll_create1(0), one = 1;
    for (int i = atoi(argv[3]); i > 0; i--) {
        int socket_ = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(socket_, (struct sockaddr *)&there, sizeof there)) return perror("connect"), 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(socket_, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = socket_};
        epoll_ctl(epoll, EPOLL_CTL_ADD, socket_, &event);
        if (write(socket_, request, length) < 0) return 1;
    }
    double begin = seconds(CLOCK_MONOTONIC), end = begin + atof(argv[4]);
    uint64_t answered = 0;
    struct epoll_event events[256];
    while (seconds(CLOCK_MONOTONIC) < end) {
        int count = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            ssize_t got = of_sockets ? recv(fd, bytes, sizeof bytes, 0) : read(fd, bytes, sizeof bytes);
            if (got <= 0) return 1;
            answered++;
            ssize_t put = of_sockets ? send(fd, request, length, 0) : write(fd, request, length);
            if (put < 0) return 1;
        }
    }
    double wall = seconds(CLOCK_MONOTONIC) - begin;
    printf("%.1f requests/s %.4f us\n", answered / wall, seconds(CLOCK_PROCESS_CPUTIME_ID) * 1e6 / answered);
}
