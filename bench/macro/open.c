/* An open loop of small requests and the upstream that they reach, in one thread with one clock.

       open CHAT MESSAGES [sleeping]

   Listens as the upstream on a port that it prints, and answers every request at once: with the bytes of the file MESSAGES
   where its path has that word, else with those of CHAT. To a path that says "half" it answers 503 every other time, and
   to one that says "hanging" nothing, ever, as destinations of callbacks do that are ill. Then it takes orders, a line each:

       PORT RATE BURSTS REST_MS COUNTED_MS SIZE REQUEST TIMES

   It asks port PORT for what the file REQUEST says, RATE times a second and each time when it is due, over as many
   connections as are free. Who finds none free waits in order, and its time counts from when it was due. Every answer
   must have status 200 and SIZE bytes. While requests are due the thread never sleeps, so that nobody need wake it and it has no
   share in how late an answer is noticed. With `sleeping` it does until something is due or there, which leaves the rest of its
   core to others. Held up by these until several requests are due it leaves out all but the last: asked all at once, they would
   wait for each other, of which who is asked knows nothing.

   They are asked in BURSTS of less than a second, of each of which the last COUNTED_MS count, with a rest of REST_MS before
   each, in which the kernel gives others what it owes them: of a thread that has real-time priority it would otherwise take a
   twentieth of each second, all at once.

   The times of those that count go into the file TIMES in order of their length, each 8 bytes of this machine, nanoseconds.
   Behind them stand as many in their own order: how long requests were away, without what this program took. That is from when a
   request was sent until the kernel had its answer. Where REQUEST has "#00", for which each connection puts its own number, it is
   also without the time from when the kernel had it for the upstream until that answered.

   Prints "begin" before the first rest and "end" after the last answer, then a line: answers that count, requests asked in
   all, those left out, those that failed; of the times of the counted p50, p99, p99.9 and the longest, p99 of how late this thread itself came to
   a request, and how long the bursts lasted, all in nanoseconds; how much of them this thread had something to do, in thousandths; and
   what the first failure was. Exit code 1 with a message when it can do nothing. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../times.h"

enum { ROOM = 65536, EVENTS = 256, CONNECTIONS = 64 };
enum { WARM_UP_MS = 150, PATIENCE_MS = 5000, HEAD = 256 };
enum kind { LISTENER, ORDERS, UPSTREAM, CLIENT };

static const uint64_t MS = 1000000;

struct peer {
    int fd;
    enum kind kind;
    uint64_t due; /* when the request that waits for its answer was; 0: none does */
    uint64_t sent, here; /* when it was asked, by the wall's clock, and for how long it was here, as the upstream's */
    uint64_t had;        /* when the kernel had what was read last, by that clock */
    size_t filled;
    size_t rest; /* of a request that is longer than the room: bytes to come, of which nothing is kept but the first HEAD */
    char room[ROOM];
};

struct bytes {
    char *all;
    size_t size;
};

static struct {
    int epoll;
    struct bytes chat, messages; /* answers */
    unsigned long halves;        /* requests to one that fails every other time */
    int sleeping;                /* others have the rest of this core */
} upstream;

static const char FAILED[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

static struct {
    struct bytes request;
    int port;
    size_t size; /* of the payload of a good answer */
    char *mark; /* the number in the request; NULL: it has none */
    struct peer *live[CONNECTIONS], *idle[CONNECTIONS], *asking[CONNECTIONS]; /* the last: by the number in the request */
    int lives, idles;
    uint64_t *waiting; /* when those were due that found no connection, as far as they have not been asked */
    size_t first, last;
    uint64_t counted; /* what was due before is not counted */
    uint64_t asked, left_out, ended, failed, busy, lasted;
    char failure[120];
    struct times taken, away, late;
} run;

static struct bytes content(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct bytes read = {got(malloc(ROOM)), 0};
    if (file == NULL || (read.size = fread(read.all, 1, ROOM, file)) == 0 || read.size == ROOM)
        fail("%s: cannot be read, or has more than %d bytes", path, ROOM - 1);
    fclose(file);
    return read;
}

/* -- HTTP/1.1, as much of it as is spoken here ----------------------------------------------------------------------- */

/* The length of the message at `text`, which ends with a 0 at `size`, and of its payload; 0 while it is not whole. */
static size_t message(const char *text, size_t size, size_t *payload)
{
    const char *end = strstr(text, "\r\n\r\n"), *field;
    *payload = 0;
    if (end == NULL)
        return 0;
    size_t at = (size_t)(end + 4 - text);
    if ((field = strcasestr(text, "\r\ncontent-length:")) != NULL && field < end) {
        *payload = strtoul(field + strlen("\r\ncontent-length:"), NULL, 10);
        return size >= at + *payload ? at + *payload : 0;
    }
    if ((field = strcasestr(text, "\r\ntransfer-encoding: chunked")) == NULL || field > end)
        return at;
    for (;;) {
        char *line;
        const size_t chunk = strtoul(text + at, &line, 16);
        if (size < at + 5 || (line = strstr(line, "\r\n")) == NULL)
            return 0;
        at = (size_t)(line + 2 - text) + chunk + 2;
        if (at > size)
            return 0;
        if (chunk == 0)
            return at;
        *payload += chunk;
    }
}

/* -- sockets --------------------------------------------------------------------------------------------------------- */

static struct peer *meet(int fd, enum kind kind)
{
    const int on = 1;
    struct peer *peer = got(calloc(1, sizeof *peer));
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = peer};
    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    peer->fd = fd;
    peer->kind = kind;
    if (kind >= UPSTREAM && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("TCP_NODELAY: %s", strerror(errno));
    if (kind >= UPSTREAM && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0)
        fail("SO_TIMESTAMPNS: %s", strerror(errno));
    if (epoll_ctl(upstream.epoll, EPOLL_CTL_ADD, fd, &wanted) != 0)
        fail("epoll: %s", strerror(errno));
    return peer;
}

static void listen_somewhere(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    if (bind(fd, (const struct sockaddr *)&at, size) != 0 || listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *)&at, &size))
        fail("no port to listen on: %s", strerror(errno));
    meet(fd, LISTENER);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
}

static uint64_t nanoseconds(const struct timespec *at)
{
    return (uint64_t)at->tv_sec * 1000 * MS + (uint64_t)at->tv_nsec;
}

/* The moment by the clock that the kernel stamps packets with. */
static uint64_t wall(void)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return nanoseconds(&at);
}

/* Read as recv(2) does, and note when the kernel had it; where that is not told, it is now. */
static ssize_t receive(struct peer *peer, char *room, size_t most)
{
    _Alignas(struct cmsghdr) char told[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec there = {room, most};
    struct msghdr message = {.msg_iov = &there, .msg_iovlen = 1, .msg_control = told, .msg_controllen = sizeof told};
    const ssize_t size = recvmsg(peer->fd, &message, MSG_DONTWAIT);
    if (size <= 0)
        return size;
    const struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    peer->had = wall();
    if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec at;
        memcpy(&at, CMSG_DATA(first), sizeof at);
        peer->had = nanoseconds(&at);
    }
    return size;
}

/* Put the number of who asks into the request. */
static void sign(struct peer *peer)
{
    int number = 0;
    while (run.live[number] != peer)
        number++;
    run.mark[0] = (char)('0' + number / 10);
    run.mark[1] = (char)('0' + number % 10);
    run.asking[number] = peer;
}

static void ask(struct peer *peer, uint64_t due)
{
    peer->due = due;
    peer->here = 0;
    if (run.mark != NULL)
        sign(peer);
    peer->sent = wall();
    if (send(peer->fd, run.request.all, run.request.size, MSG_NOSIGNAL) != (ssize_t)run.request.size)
        shutdown(peer->fd, SHUT_RDWR); /* it is told as the end of the connection */
}

static void failed(const char *text, ...)
{
    va_list rest;
    va_start(rest, text);
    if (run.failed++ == 0)
        vsnprintf(run.failure, sizeof run.failure, text, rest);
    va_end(rest);
}

static void forget(struct peer **list, int *count, const struct peer *peer)
{
    for (int i = 0; i < *count; i++)
        if (list[i] == peer)
            list[i] = list[--*count];
}

static void leave(struct peer *peer)
{
    if (peer->kind == CLIENT) {
        forget(run.live, &run.lives, peer);
        forget(run.idle, &run.idles, peer);
        for (int i = 0; i < CONNECTIONS; i++)
            if (run.asking[i] == peer)
                run.asking[i] = NULL;
        if (peer->due != 0) {
            run.ended++;
            failed("the connection was lost");
        }
    }
    close(peer->fd);
    free(peer);
}

/* Take an answer, and ask for whoever waits longest; whether the connection is good for that. */
static int answered(struct peer *peer, size_t payload)
{
    const int status = atoi(peer->room + strlen("HTTP/1.1 "));
    if (peer->due == 0)
        return 0;
    run.ended++;
    if (status != 200 || payload != run.size)
        failed("status %d, %zu bytes where %zu were due", status, payload, run.size);
    else if (peer->due >= run.counted) {
        note(&run.taken, peer->due, now());
        note(&run.away, peer->sent + peer->here, peer->had);
    }
    peer->due = 0;
    if (run.first < run.last)
        ask(peer, run.waiting[run.first++]);
    else
        run.idle[run.idles++] = peer;
    return 1;
}

static int says(const struct peer *peer, const char *word)
{
    const char *end = memchr(peer->room, '\r', peer->filled);
    return end != NULL && memmem(peer->room, (size_t)(end - peer->room), word, strlen(word)) != NULL;
}

/* Note for whoever has asked how long his request was here. */
static void passed(const struct peer *peer)
{
    const char *mark = run.mark == NULL ? NULL : memmem(peer->room, peer->filled, "#", 1);
    const int number = mark == NULL ? -1 : atoi(mark + 1);
    if (number >= 0 && number < CONNECTIONS && run.asking[number] != NULL)
        run.asking[number]->here += wall() - peer->had;
}

static int answer(struct peer *peer)
{
    const struct bytes *said = says(peer, "/messages") ? &upstream.messages : &upstream.chat;
    if (says(peer, "/hanging"))
        return 1;
    if (says(peer, "/half") && upstream.halves++ % 2 == 0)
        return send(peer->fd, FAILED, strlen(FAILED), MSG_NOSIGNAL) == (ssize_t)strlen(FAILED);
    if (!says(peer, "/half") && !says(peer, "/healthy")) /* who is told of a request gets its number, too */
        passed(peer);
    return send(peer->fd, said->all, said->size, MSG_NOSIGNAL) == (ssize_t)said->size;
}

/* Forget what there is of a request but its head, as no more of it has room; whether it is one whose length is known. */
static int shorten(struct peer *peer)
{
    size_t payload;
    const char *end = strstr(peer->room, "\r\n\r\n");
    if (message(peer->room, peer->filled, &payload) != 0 || end == NULL || payload == 0)
        return 0;
    peer->rest = (size_t)(end + 4 - peer->room) + payload - peer->filled;
    peer->filled = HEAD;
    return 1;
}

/* Pass over so many bytes of a long request, and answer it after the last. */
static int pass_over(struct peer *peer, size_t size)
{
    peer->rest -= size < peer->rest ? size : peer->rest;
    if (peer->rest > 0)
        return 1;
    const int good = answer(peer);
    peer->filled = 0;
    return good;
}

static void read_from(struct peer *peer)
{
    size_t length, payload;
    if (peer->kind == LISTENER) {
        meet(accept(peer->fd, NULL, NULL), UPSTREAM);
        return;
    }
    const ssize_t size = receive(peer, peer->room + peer->filled, ROOM - 1 - peer->filled);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        leave(peer);
        return;
    }
    if (peer->rest > 0) {
        if (!pass_over(peer, (size_t)size))
            leave(peer);
        return;
    }
    peer->filled += (size_t)size;
    peer->room[peer->filled] = 0;
    while ((length = message(peer->room, peer->filled, &payload)) != 0) {
        if (!(peer->kind == CLIENT ? answered(peer, payload) : answer(peer))) {
            leave(peer);
            return;
        }
        peer->filled -= length;
        memmove(peer->room, peer->room + length, peer->filled + 1);
    }
    if (peer->filled == ROOM - 1 && (peer->kind == CLIENT || !shorten(peer)))
        leave(peer);
}

/* Read what there is; whether there was anything. An order is told by `ordered`. */
static int turn(int wait_ms, int *ordered)
{
    struct epoll_event ready[EVENTS];
    const int count = epoll_wait(upstream.epoll, ready, EVENTS, wait_ms);
    for (int i = 0; i < count; i++) {
        struct peer *peer = ready[i].data.ptr;
        if (peer->kind != ORDERS)
            read_from(peer);
        else if (ordered != NULL)
            *ordered = 1;
    }
    return count > 0;
}

/* Wait until there is something to read, or it is `due`. */
static void await(uint64_t due)
{
    const uint64_t at = now(), left = due > at ? due - at : 0;
    const struct timespec most = {.tv_sec = (time_t)(left / (1000 * MS)), .tv_nsec = (long)(left % (1000 * MS))};
    struct pollfd any = {.fd = upstream.epoll, .events = POLLIN};
    ppoll(&any, 1, &most, NULL);
}

/* -- a run ------------------------------------------------------------------------------------------------------------ */

static void dial_all(void)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)run.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    while (run.lives < CONNECTIONS) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
            fail("port %d: %s", run.port, strerror(errno));
        run.live[run.lives++] = run.idle[run.idles++] = meet(fd, CLIENT);
        turn(0, NULL);
    }
}

static void rest(uint64_t length)
{
    for (const uint64_t last = now() + length; now() < last;)
        turn(10, NULL);
}

static void ask_for(double rate, uint64_t counted)
{
    const double gap = 1e9 / rate;
    const uint64_t begin = now(), end = begin + WARM_UP_MS * MS + counted;
    uint64_t due = begin, number = 0, before = begin;
    run.counted = begin + WARM_UP_MS * MS;
    run.first = run.last = 0;
    while (due < end && run.lives > 0) {
        if (upstream.sleeping) {
            await(due);
            before = now();
        }
        int busy = turn(0, NULL);
        /* one at a time: whoever is behind reads, too */
        if (now() >= due) {
            for (uint64_t next; upstream.sleeping && (next = due + (uint64_t)gap) < end && now() >= next; due = next, number++)
                run.left_out++;
            run.asked++;
            if (due >= run.counted)
                note(&run.late, due, now());
            if (run.idles > 0)
                ask(run.idle[--run.idles], due);
            else
                run.waiting[run.last++] = due;
            due = begin + (uint64_t)((double)++number * gap);
            busy = 1;
        }
        const uint64_t at = now();
        run.busy += busy ? at - before : 0;
        before = at;
    }
    run.lasted += now() - begin;
    for (const uint64_t last = now() + PATIENCE_MS * MS; run.ended < run.asked && run.lives > 0 && now() < last;)
        turn(1, NULL);
    if (run.ended < run.asked) {
        failed("no answer");
        run.failed += run.asked - run.ended - 1;
        run.ended = run.asked;
    }
}

static int compare(const void *left, const void *right)
{
    const uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return (one > other) - (one < other);
}

static unsigned long long share(const struct times *times, double of)
{
    return times->count == 0 ? 0 : times->all[(size_t)(of * (double)(times->count - 1))];
}

static int written(const struct times *times, FILE *file)
{
    return fwrite(times->all, sizeof *times->all, times->count, file) == times->count;
}

static void keep(const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || !written(&run.taken, file) || !written(&run.away, file) || fclose(file))
        fail("%s: cannot be written: %s", path, strerror(errno));
}

static void tell(const char *times)
{
    qsort(run.taken.all, run.taken.count, sizeof *run.taken.all, compare);
    qsort(run.away.all, run.away.count, sizeof *run.away.all, compare);
    qsort(run.late.all, run.late.count, sizeof *run.late.all, compare);
    keep(times);
    printf("%zu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %s\n", run.taken.count, (unsigned long long)run.asked,
           (unsigned long long)run.left_out, (unsigned long long)run.failed, share(&run.taken, 0.5), share(&run.taken, 0.99), share(&run.taken, 0.999),
           share(&run.taken, 1), share(&run.late, 0.99), (unsigned long long)run.lasted,
           (unsigned long long)(run.lasted ? 1000 * run.busy / run.lasted : 0), run.failure);
}

static void part(void)
{
    while (run.lives > 0)
        leave(run.live[run.lives - 1]);
}

static void obey(const char *order)
{
    double rate;
    int bursts;
    unsigned long rest_ms, counted_ms;
    char path[4096], times[4096];
    memset(&run, 0, sizeof run);
    if (sscanf(order, "%d %lf %d %lu %lu %zu %4095s %4095s", &run.port, &rate, &bursts, &rest_ms, &counted_ms, &run.size, path,
               times) != 8)
        fail("no order: %s", order);
    run.request = content(path);
    if ((run.mark = memmem(run.request.all, run.request.size, "#00", 3)) != NULL)
        run.mark++;
    run.taken.most = run.away.most = run.late.most = (size_t)(rate * (double)bursts * (double)(counted_ms + 10) / 1000) + 1;
    run.taken.all = got(calloc(run.taken.most, sizeof *run.taken.all));
    run.away.all = got(calloc(run.away.most, sizeof *run.away.all));
    run.late.all = got(calloc(run.late.most, sizeof *run.late.all));
    run.waiting = got(calloc((size_t)(rate * (double)(counted_ms + WARM_UP_MS + 10) / 1000) + 1, sizeof *run.waiting));
    puts("begin");
    fflush(stdout);
    for (; bursts > 0; bursts--) {
        dial_all();
        rest(rest_ms * MS);
        ask_for(rate, counted_ms * MS);
    }
    puts("end");
    tell(times);
    fflush(stdout);
    part();
    free(run.request.all), free(run.taken.all), free(run.away.all), free(run.late.all), free(run.waiting);
}

int main(int count, char **words)
{
    char order[12288];
    upstream.sleeping = count == 4 && strcmp(words[3], "sleeping") == 0;
    if (count != 3 && !upstream.sleeping)
        fail("usage: open CHAT MESSAGES [sleeping]");
    upstream.chat = content(words[1]);
    upstream.messages = content(words[2]);
    upstream.epoll = epoll_create1(0);
    listen_somewhere();
    meet(STDIN_FILENO, ORDERS);
    for (;;) {
        int ordered = 0;
        turn(-1, &ordered);
        if (!ordered)
            continue;
        if (fgets(order, sizeof order, stdin) == NULL)
            return 0;
        obey(order);
    }
}
