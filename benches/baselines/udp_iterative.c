/* Iterative, connectionless: receive, process, reply.
 * Its twin is servers/src/udp/iterative.rs. */
#include "work.h"

int main(void) {
    static uint8_t request[LARGEST], reply[LARGEST];
    int server = open_server(SOCK_DGRAM);
    for (;;) {
        struct sockaddr_storage client;
        socklen_t length = sizeof client;
        ssize_t count = recvfrom(server, request, sizeof request, 0, (struct sockaddr *)&client, &length);
        if (count < 0 || request_length(request, count) != count) continue;
        size_t size = answer(request, reply);
        sendto(server, reply, size, 0, (struct sockaddr *)&client, length);
    }
}
