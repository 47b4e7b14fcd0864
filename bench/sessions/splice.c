/* The floor of a relay: bytes from one socket to another by epoll, one read and one send each, looking at none.

       splice UPSTREAM_PORT

   Prints the port that it listens on. What it costs in the kernel nothing that relays over two sockets can go below. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 65536, EVENTS = 256 };

struct leg {
    int fd;
    struct leg *other;
};

static int epoll;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static struct leg *leg(int fd)
{
    const int on = 1;
    struct leg *made = calloc(1, sizeof *made);
    if (fd < 0 || made == NULL || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("socket");
    made->fd = fd;
    return made;
}

static void watch(struct leg *leg)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = leg};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, leg->fd, &wanted) != 0)
        fail("epoll_ctl");
}

static void join(int listener, const struct sockaddr_in *upstream)
{
    struct leg *near = leg(accept(listener, NULL, NULL)), *far = leg(socket(AF_INET, SOCK_STREAM, 0));
    if (connect(far->fd, (const struct sockaddr *)upstream, sizeof *upstream) != 0)
        fail("connect");
    near->other = far, far->other = near;
    watch(near), watch(far);
}

/* Both legs are closed with the first; their memory is left, since the other may be among the events in hand. */
static void hand_on(struct leg *leg)
{
    static char room[ROOM];
    ssize_t size;
    if (leg->fd < 0)
        return;
    size = recv(leg->fd, room, ROOM, MSG_DONTWAIT);
    if (size > 0 && send(leg->other->fd, room, (size_t)size, MSG_NOSIGNAL) == size)
        return;
    close(leg->fd), close(leg->other->fd);
    leg->fd = leg->other->fd = -1;
}

int main(int count, char **words)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, upstream = here;
    socklen_t size = sizeof here;
    struct leg listener = {socket(AF_INET, SOCK_STREAM, 0), NULL};
    struct epoll_event ready[EVENTS];
    upstream.sin_port = htons((uint16_t)(count == 2 ? atoi(words[1]) : 0));
    epoll = epoll_create1(0);
    if (bind(listener.fd, (struct sockaddr *)&here, size) != 0 || listen(listener.fd, 1024) != 0)
        fail("listen");
    getsockname(listener.fd, (struct sockaddr *)&here, &size);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    watch(&listener);
    for (;;) {
        const int found = epoll_wait(epoll, ready, EVENTS, -1);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.ptr == &listener)
                join(listener.fd, &upstream);
            else
                hand_on(ready[i].data.ptr);
        }
    }
}
