/* Concurrent, connection-oriented: 16 preallocated processes, all of which call accept.
 * Its twin is servers/src/tcp/preforked.rs. */
#include "work.h"

int main(void) {
    int server = open_server(SOCK_STREAM);
    for (int worker = 0; worker < 16; worker++) {
        if (fork() > 0) continue;
        become_worker();
        for (;;) {
            int client = accept(server, NULL, NULL);
            if (client >= 0) converse(client);
        }
    }
    for (;;) pause();
}
