/* Apparent concurrency, connection-oriented: one thread, epoll, a buffer for each client. A request
 * that waits stops the loop here, and a reply that does not fit the socket's buffer ends its client's
 * connection: plain, not robust.
 * Its twin is servers/src/tcp/event_loop.rs. */
#include "work.h"

#include <fcntl.h>
#include <sys/epoll.h>

struct client {
    int socket;
    size_t have;
    uint8_t in[LARGEST];
};

/* Reads what is there and answers every whole request; 0 when the client is done with. */
static int serve(struct client *client) {
    static uint8_t out[LARGEST];
    ssize_t count = read(client->socket, client->in + client->have, LARGEST - client->have);
    if (count <= 0) return count < 0 && errno == EAGAIN;
    client->have += count;
    long length;
    while ((length = request_length(client->in, client->have)) > 0) {
        size_t size = answer(client->in, out);
        if (write(client->socket, out, size) != (ssize_t)size) return 0;
        memmove(client->in, client->in + length, client->have -= length);
    }
    return length == 0;
}

int main(void) {
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.ptr = NULL};
    int server = open_server(SOCK_STREAM), epoll = epoll_create1(0);
    fcntl(server, F_SETFL, O_NONBLOCK);
    epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;
            if (client == NULL) {
                int socket;
                while ((socket = accept4(server, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    client = calloc(1, sizeof *client);
                    client->socket = socket;
                    event.data.ptr = client;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
                }
            } else if (!serve(client)) {
                close(client->socket);
                free(client);
            }
        }
    }
}
