/* Concurrent, connection-oriented: a process for each connection, created on demand.
 * Its twin is servers/src/tcp/process_per_connection.rs. */
#include "work.h"

static void on_child_end(int signal) {
    (void)signal;
    int before = errno;
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    errno = before;
}

int main(void) {
    struct sigaction collect = {.sa_handler = on_child_end, .sa_flags = SA_RESTART};
    sigaction(SIGCHLD, &collect, NULL);
    int server = open_server(SOCK_STREAM);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client < 0) continue;
        if (fork() == 0) {
            become_worker();
            close(server);
            converse(client);
            _exit(0);
        }
        close(client);
    }
}
