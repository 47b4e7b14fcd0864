/* Sessions over WebSockets and the upstream that they reach, in one thread with one clock.

       load LISTEN TARGET PATH KEY SESSIONS RATE SHAPE SECONDS

   Listens on port LISTEN as the upstream, opens SESSIONS sessions at port TARGET (LISTEN itself: nothing between) and
   has each say RATE messages of 1 KB a second. SHAPE: "echo", the upstream says each back, and the client notes how long
   both ways took; "up", the client says it and the upstream notes; "down", the other way round.

   Messages are due evenly over all sessions, one every 1 / (SESSIONS * RATE) seconds, and nothing that is between holds
   that up. Each carries the moment that it was sent, and its time counts from there; how late that was after it was due
   is the sender's own fault, and is told beside it. While messages are due the thread never sleeps, so that it has no
   share in how late one is noticed.

   They are said in bursts of less than a second with a rest before each, in which the kernel gives others what it owes them:
   of a thread that has real-time priority it would otherwise take a twentieth of each second, all at once.

   Prints "begin" before the first burst and "end" after the last, then a line: messages, counted and all of them; of
   the times of the counted p50, p99, p99.9 and the longest; p99 of how late the sender was, all in nanoseconds; and how
   much of the bursts it had something to do, in thousandths. Exit code 1 with a message when a session is lost. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../times.h"

enum { SIZE = 1024, STAMP = 16, ROOM = 16384, EVENTS = 256, AT_ONCE = 32 };
enum { WARM_UP_MS = 150, COUNTED_MS = 600, REST_MS = 300, PATIENCE_MS = 5000 };
enum kind { LISTENER, CLIENT, UPSTREAM };
enum { TEXT = 0x81, CLOSE = 0x88, PING = 0x89, MASKED = 0x80 };

static const char FRONT[] = "{\"type\":\"response.output_audio.delta\",\"event_id\":\"";
static const char MIDDLE[] = "\",\"delta\":\"";
static const uint8_t MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

struct peer {
    int fd;
    enum kind kind;
    int open;      /* the handshake is over */
    size_t filled; /* bytes of `room` that wait to be read as frames */
    uint8_t room[ROOM];
};

static struct {
    int epoll, echoes;
    enum kind sender;
    const char *path, *key;
    struct peer **senders; /* of the side that begins, in the order of their turns */
    long begun, opened;
    uint64_t counted; /* what was due before is not counted */
    uint64_t said, heard, busy, lasted;
    struct times taken, late;
} all;

static uint8_t plain_frame[4 + SIZE], masked_frame[8 + SIZE];

/* -- what is said ------------------------------------------------------------------------------------------------- */

static void prepare_frames(void)
{
    uint8_t text[SIZE];
    memset(text, 'A', SIZE);
    memcpy(text, FRONT, sizeof FRONT - 1);
    memcpy(text + sizeof FRONT - 1 + STAMP, MIDDLE, sizeof MIDDLE - 1);
    memcpy(text + SIZE - 2, "\"}", 2);
    uint8_t head[] = {TEXT, 126, SIZE >> 8, SIZE & 255};
    memcpy(plain_frame, head, 4);
    memcpy(plain_frame + 4, text, SIZE);
    head[1] |= MASKED;
    memcpy(masked_frame, head, 4);
    memcpy(masked_frame + 4, MASK, 4);
    for (int i = 0; i < SIZE; i++)
        masked_frame[8 + i] = text[i] ^ MASK[i & 3];
}

static void say(struct peer *peer, uint64_t sent)
{
    const int masked = peer->kind == CLIENT;
    uint8_t *frame = masked ? masked_frame : plain_frame;
    const size_t head = masked ? 8 : 4, at = sizeof FRONT - 1, size = head + SIZE;
    char stamp[STAMP + 1];
    snprintf(stamp, sizeof stamp, "%016llx", (unsigned long long)sent);
    for (size_t i = 0; i < STAMP; i++)
        frame[head + at + i] = (uint8_t)(stamp[i] ^ (masked ? MASK[(at + i) & 3] : 0));
    if (send(peer->fd, frame, size, MSG_NOSIGNAL) != (ssize_t)size)
        fail("a message does not fit into the socket of a session: what is between does not keep up");
}

static uint64_t sent_at(const uint8_t *payload, const uint8_t *mask)
{
    const size_t at = sizeof FRONT - 1;
    char stamp[STAMP + 1] = {0};
    for (size_t i = 0; i < STAMP; i++)
        stamp[i] = (char)(payload[at + i] ^ (mask == NULL ? 0 : mask[(at + i) & 3]));
    return strtoull(stamp, NULL, 16);
}

static void hear(struct peer *peer, uint64_t sent)
{
    if (all.echoes && peer->kind == UPSTREAM)
        say(peer, sent);
    else {
        all.heard++;
        if (sent >= all.counted)
            note(&all.taken, sent, now());
    }
}

/* Read the frame that begins at `frame`; its length, or 0 while it is not whole. */
static size_t take(struct peer *peer, const uint8_t *frame, size_t size)
{
    if (size < 2)
        return 0;
    const int masked = frame[1] & MASKED;
    size_t length = frame[1] & 127, head = masked ? 6 : 2;
    if (length == 127)
        fail("a message is longer than any that was said");
    if (length == 126) {
        if (size < 4)
            return 0;
        length = (size_t)frame[2] << 8 | frame[3];
        head += 2;
    }
    if (size < head + length)
        return 0;
    if (frame[0] == TEXT && length == SIZE)
        hear(peer, sent_at(frame + head, masked ? frame + head - 4 : NULL));
    else if (frame[0] == CLOSE)
        fail("a session was closed: %.*s", masked || length < 2 ? 0 : (int)length - 2, (const char *)frame + head + 2);
    else if (frame[0] != PING) /* it lives for seconds, and nobody waits for its pong */
        fail("a frame 0x%02x of %zu bytes, which nobody has said", frame[0], length);
    return head + length;
}

/* -- handshakes, RFC 6455 section 4 ------------------------------------------------------------------------------- */

static uint32_t turned(uint32_t word, int by)
{
    return word << by | word >> (32 - by);
}

/* SHA-1, FIPS 180-4, of a text of fewer than 120 bytes */
static void sha1(const char *text, size_t size, uint8_t digest[20])
{
    static const uint32_t ADDED[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, w[80];
    uint8_t padded[128] = {0};
    const size_t blocks = size < 56 ? 1 : 2;
    memcpy(padded, text, size);
    padded[size] = 0x80;
    padded[64 * blocks - 2] = (uint8_t)(8 * size >> 8);
    padded[64 * blocks - 1] = (uint8_t)(8 * size);
    for (size_t block = 0; block < blocks; block++) {
        for (int i = 0; i < 16; i++) {
            const uint8_t *at = padded + 64 * block + 4 * i;
            w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        }
        for (int i = 16; i < 80; i++)
            w[i] = turned(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 80; i++) {
            const uint32_t mixed = i < 20 ? (b & c) | (~b & d) : i < 40 || i >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
            const uint32_t next = turned(a, 5) + mixed + e + ADDED[i / 20] + w[i];
            e = d, d = c, c = turned(b, 30), b = a, a = next;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void accept_key(const char *key, size_t size, char text[29])
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char joined[120];
    uint8_t digest[21] = {0};
    const int length = snprintf(joined, 110, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)size, key);
    sha1(joined, (size_t)length, digest);
    for (int i = 0; i < 7; i++) {
        const uint32_t three = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8 | digest[3 * i + 2];
        for (int j = 0; j < 4; j++)
            text[4 * i + j] = LETTERS[three >> (18 - 6 * j) & 63];
    }
    memcpy(text + 27, "=", 2);
}

static void put(struct peer *peer, const char *text, ...)
{
    char head[2048];
    va_list rest;
    va_start(rest, text);
    const int size = vsnprintf(head, sizeof head, text, rest);
    va_end(rest);
    if (size >= (int)sizeof head || send(peer->fd, head, (size_t)size, MSG_NOSIGNAL) != size)
        fail("a head cannot be sent");
}

static void opened(struct peer *peer)
{
    peer->open = 1;
    if (peer->kind == all.sender)
        all.senders[all.begun++] = peer;
    all.opened += peer->kind == CLIENT; /* an upstream's side was open before */
}

/* Read the head of a handshake; its length, or 0 while it is not whole. */
static size_t shake(struct peer *peer)
{
    char accepted[29];
    peer->room[peer->filled] = 0;
    char *head = (char *)peer->room, *end = strstr(head, "\r\n\r\n");
    if (end == NULL)
        return 0;
    if (peer->kind == CLIENT) {
        if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
            fail("a session was refused: %.200s", head);
    } else {
        const char *key = strcasestr(head, "\r\nsec-websocket-key:");
        if (key == NULL)
            fail("no key in a handshake: %.200s", head);
        key += strlen("\r\nsec-websocket-key:");
        key += strspn(key, " ");
        accept_key(key, strcspn(key, " \r"), accepted);
        put(peer, "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                  "sec-websocket-accept: %s\r\n\r\n", accepted);
    }
    opened(peer);
    return (size_t)(end + 4 - head);
}

/* -- sockets ------------------------------------------------------------------------------------------------------- */

static struct peer *meet(int fd, enum kind kind)
{
    const int on = 1;
    struct peer *peer = got(calloc(1, sizeof *peer));
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = peer};
    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    peer->fd = fd;
    peer->kind = kind;
    if (kind != LISTENER && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        fail("TCP_NODELAY: %s", strerror(errno));
    if (epoll_ctl(all.epoll, EPOLL_CTL_ADD, fd, &wanted) != 0)
        fail("epoll: %s", strerror(errno));
    return peer;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void listen_on(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    const struct sockaddr_in at = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1024) != 0)
        fail("port %d: %s", port, strerror(errno));
    meet(fd, LISTENER);
}

static void dial(int port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in at = loopback(port);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0)
        fail("port %d: %s", port, strerror(errno));
    put(meet(fd, CLIENT), "GET %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer %s\r\n\r\n",
        all.path, port, all.key);
}

static void read_from(struct peer *peer)
{
    if (peer->kind == LISTENER) {
        meet(accept(peer->fd, NULL, NULL), UPSTREAM);
        return;
    }
    const ssize_t size = recv(peer->fd, peer->room + peer->filled, ROOM - 1 - peer->filled, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0)
        fail("a session was lost");
    peer->filled += (size_t)size;
    size_t begin = peer->open ? 0 : shake(peer), length;
    while (peer->open && (length = take(peer, peer->room + begin, peer->filled - begin)) != 0)
        begin += length;
    peer->filled -= begin;
    memmove(peer->room, peer->room + begin, peer->filled);
}

/* Read what there is; whether there was anything. */
static int turn(int wait_ms)
{
    struct epoll_event ready[EVENTS];
    const int count = epoll_wait(all.epoll, ready, EVENTS, wait_ms);
    for (int i = 0; i < count; i++)
        read_from(ready[i].data.ptr);
    return count > 0;
}

/* -- the run ------------------------------------------------------------------------------------------------------- */

static void say_for(double rate, uint64_t counted)
{
    const double gap = 1e9 / ((double)all.opened * rate);
    const uint64_t begin = now(), end = begin + WARM_UP_MS * 1000000ull + counted;
    uint64_t due = begin, at, number = 0, before = begin;
    all.counted = begin + WARM_UP_MS * 1000000ull;
    while (due < end) {
        int busy = turn(0);
        /* one at a time: whoever is behind reads, too */
        if ((at = now()) >= due) {
            if (at >= all.counted)
                note(&all.late, due, at);
            say(all.senders[all.said++ % (uint64_t)all.opened], at);
            due = begin + (uint64_t)((double)++number * gap);
            busy = 1;
        }
        at = now();
        all.busy += busy ? at - before : 0;
        before = at;
    }
    all.lasted += before - begin;
}

static void say_all(double rate, double seconds)
{
    puts("begin");
    fflush(stdout);
    for (double left = seconds * 1000; left > 0; left -= COUNTED_MS) {
        for (const uint64_t last = now() + REST_MS * 1000000ull; now() < last;)
            turn(10);
        say_for(rate, (uint64_t)(1e6 * (left < COUNTED_MS ? left : COUNTED_MS)));
        for (const uint64_t last = now() + PATIENCE_MS * 1000000ull; all.heard < all.said && now() < last;)
            turn(1);
    }
    puts("end");
}

static int compare(const void *left, const void *right)
{
    const uint64_t one = *(const uint64_t *)left, other = *(const uint64_t *)right;
    return (one > other) - (one < other);
}

static unsigned long long share(const struct times *times, double of)
{
    return times->all[(size_t)(of * (double)(times->count - 1))];
}

int main(int count, char **words)
{
    if (count != 9)
        fail("usage: load LISTEN TARGET PATH KEY SESSIONS RATE SHAPE SECONDS");
    const int target = atoi(words[2]);
    const long sessions = atol(words[5]);
    const double rate = atof(words[6]), seconds = atof(words[8]);
    all.epoll = epoll_create1(0);
    all.path = words[3], all.key = words[4];
    all.echoes = strcmp(words[7], "echo") == 0;
    all.sender = strcmp(words[7], "down") == 0 ? UPSTREAM : CLIENT;
    all.senders = got(calloc((size_t)sessions, sizeof *all.senders));
    all.taken.most = all.late.most = (size_t)((double)sessions * rate * (seconds + 1)) + 1;
    all.taken.all = got(calloc(all.taken.most, sizeof *all.taken.all));
    all.late.all = got(calloc(all.late.most, sizeof *all.late.all));
    prepare_frames();
    listen_on(atoi(words[1]));
    for (long dialled = 0; all.opened < sessions; turn(5000))
        for (; dialled < sessions && dialled < all.opened + AT_ONCE; dialled++)
            dial(target);
    say_all(rate, seconds);
    if (all.heard != all.said)
        fail("%llu messages were said, and %llu heard", (unsigned long long)all.said, (unsigned long long)all.heard);
    qsort(all.taken.all, all.taken.count, sizeof *all.taken.all, compare);
    qsort(all.late.all, all.late.count, sizeof *all.late.all, compare);
    printf("%zu %llu %llu %llu %llu %llu %llu %llu\n", all.taken.count, (unsigned long long)all.said,
           share(&all.taken, 0.5), share(&all.taken, 0.99), share(&all.taken, 0.999), share(&all.taken, 1),
           share(&all.late, 0.99), (unsigned long long)(1000 * all.busy / all.lasted));
    return 0;
}
