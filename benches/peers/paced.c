/* The barest open loop there is: one HTTP request when it is due, even or Poisson, on one connection after
 * the other; spins until it is due, and then until the reply is there. What the way takes, measured by
 * nobody who is compared. Prints 500 evenly spaced quantiles of the times since a request was due, in ms.
 *
 *     paced even|poisson PORT CONNECTIONS PER_SECOND SECONDS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { QUANTILES = 500, MOST_CONNECTIONS = 1024 };

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    if (argc < 6) return fputs("paced even|poisson PORT CONNECTIONS PER_SECOND SECONDS\n", stderr), 2;
    static char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", bytes[1 << 16];
    int poisson = !strcmp(argv[1], "poisson"), connections = atoi(argv[3]), one = 1;
    int count = atof(argv[4]) * atof(argv[5]), latency = open("/dev/cpu_dma_latency", O_WRONLY);
    if (connections < 1 || connections > MOST_CONNECTIONS || count < QUANTILES) return 2;
    int32_t awake = 0; /* held until the end, as by those who are compared, where that is permitted */
    if (latency >= 0 && write(latency, &awake, sizeof awake) < 0) return perror("cpu_dma_latency"), 1;
    int sockets[MOST_CONNECTIONS], epoll = epoll_create1(0);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < connections; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(sockets[i], (struct sockaddr *)&there, sizeof there)) return perror("connect"), 1;
        setsockopt(sockets[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(sockets[i], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = sockets[i]};
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event);
    }
    double *times = malloc(count * sizeof *times), due = now_s() + 1e-3, gap = 1 / atof(argv[4]);
    for (int i = 0; i < count; i++) {
        while (now_s() < due) {}
        if (write(sockets[i % connections], request, sizeof request - 1) < 0) return perror("write"), 1;
        struct epoll_event event;
        while (epoll_wait(epoll, &event, 1, 0) < 1) {}
        if (read(event.data.fd, bytes, sizeof bytes) <= 0) return perror("read"), 1;
        times[i] = now_s() - due;
        due += poisson ? -log(1 - drand48()) * gap : gap;
    }
    qsort(times, count, sizeof *times, by_size);
    for (int i = 0; i < QUANTILES; i++) printf("%.6f\n", times[(int64_t)count * (2 * i + 1) / (2 * QUANTILES)] * 1e3);
}
