/* Concurrent, connection-oriented: a thread for each connection, created on demand.
 * Its twin is servers/src/tcp/thread_per_connection.rs. */
#include <pthread.h>

#include "work.h"

static void *work(void *client) {
    converse((int)(intptr_t)client);
    return NULL;
}

int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    int server = open_server(SOCK_STREAM);
    for (;;) {
        pthread_t worker;
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        if (pthread_create(&worker, &attributes, work, (void *)(intptr_t)client)) close(client);
    }
}
