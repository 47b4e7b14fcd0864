/* Heads of HTTP/1.1 answers into memory that is used again and again. Nothing that is written here can end a line
 * early: a control character in a value becomes a space. */
#ifndef TIANJI_HTTP_WRITE_H
#define TIANJI_HTTP_WRITE_H

#include <Python.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: Python ignores SIGPIPE anyway */
#endif

typedef struct {
    char *data;
    Py_ssize_t size, room;
} http_text;

/* Make room for `more` bytes. -1 when there is no memory. */
static inline int http_text_reserve(http_text *t, Py_ssize_t more)
{
    Py_ssize_t room = t->room ? t->room : 4096;
    char *data;
    if (t->room - t->size >= more)
        return 0;
    while (room - t->size < more)
        room *= 2;
    data = PyMem_RawRealloc(t->data, (size_t)room);
    if (!data)
        return -1;
    t->data = data;
    t->room = room;
    return 0;
}

static inline int http_text_add(http_text *t, const char *bytes, Py_ssize_t size)
{
    if (http_text_reserve(t, size) < 0)
        return -1;
    memcpy(t->data + t->size, bytes, (size_t)size);
    t->size += size;
    return 0;
}

/* Whether a byte below 0x20 is among the eight of `word`: https://graphics.stanford.edu/~seander/bithacks.html */
static inline int http_word_controls(uint64_t word)
{
    return ((word - UINT64_C(0x2020202020202020)) & ~word & UINT64_C(0x8080808080808080)) != 0;
}

static inline void http_blank_controls(char *at, Py_ssize_t size)
{
    uint64_t word;
    Py_ssize_t i = 0;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, at + i, 8);
        if (http_word_controls(word))
            break;
    }
    for (; i < size; i++)
        if ((unsigned char)at[i] < 0x20 && at[i] != '\t')
            at[i] = ' ';
}

static inline int http_text_field(http_text *t, const char *name, Py_ssize_t name_size, const char *value,
                                  Py_ssize_t size)
{
    char *at;
    if (http_text_reserve(t, name_size + size + 4) < 0)
        return -1;
    at = t->data + t->size;
    memcpy(at, name, (size_t)name_size);
    at += name_size;
    *at++ = ':';
    *at++ = ' ';
    memcpy(at, value, (size_t)size);
    http_blank_controls(at, size);
    at += size;
    *at++ = '\r';
    *at++ = '\n';
    t->size = at - t->data;
    return 0;
}

static inline int http_text_number(http_text *t, unsigned long long number, unsigned base)
{
    char digits[24];
    int at = 24;
    do
        digits[--at] = "0123456789abcdef"[number % base];
    while (number /= base);
    return http_text_add(t, digits + at, 24 - at);
}

/* Write to a socket now what it takes without waiting: the bytes taken, 0 when it is full or at fault. */
static inline Py_ssize_t http_send(int socket, const char *data, Py_ssize_t size)
{
    ssize_t sent;
    do
        sent = send(socket, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? 0 : sent;
}

/* A head that ends in "content-length: " with the number and the empty line, and `room` bytes behind it to be filled. */
static inline PyObject *http_numbered(const char *head, Py_ssize_t head_size, Py_ssize_t number, Py_ssize_t room)
{
    char digits[24];
    int first = 24;
    PyObject *text;
    char *at;
    do
        digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    text = PyBytes_FromStringAndSize(NULL, head_size + (24 - first) + 4 + room);
    if (!text)
        return NULL;
    at = PyBytes_AS_STRING(text);
    memcpy(at, head, (size_t)head_size);
    at += head_size;
    memcpy(at, digits + first, (size_t)(24 - first));
    memcpy(at + 24 - first, "\r\n\r\n", 4);
    return text;
}

/* "date: " and the time as RFC 9110 section 5.6.7 wants it, with its line end; 37 bytes. */
static inline void http_date_line(time_t now, char line[38])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm utc;
    gmtime_r(&now, &utc);
    PyOS_snprintf(line, 38, "date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * utc.tm_wday, utc.tm_mday,
                  months + 3 * utc.tm_mon, utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}
#endif
