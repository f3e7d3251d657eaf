/* Iterative, connection-oriented: accept a client, converse until it closes, accept the next.
 * Its twin is servers/src/tcp/iterative.rs. */
#include "work.h"

int main(void) {
    int server = open_server(SOCK_STREAM);
    for (;;) {
        int client = accept(server, NULL, NULL);
        if (client >= 0) converse(client);
    }
}
