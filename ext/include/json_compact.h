/* JSON text that was checked before (json_scan.h): without the white space between its tokens, and how many elements an
 * array has. Nothing is read at or beyond the given end. */
#ifndef TIANJI_JSON_COMPACT_H
#define TIANJI_JSON_COMPACT_H

#include <Python.h>
#include <string.h>

/* The offset after the string whose opening quote is at `at`; `size` for one that does not end. */
static inline Py_ssize_t json_after_string(const char *text, Py_ssize_t at, Py_ssize_t size)
{
    for (at++; at < size; at++) {
        if (text[at] == '"')
            return at + 1;
        if (text[at] == '\\')
            at++;
    }
    return size;
}

static inline int json_is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* Write the value at text[0..size) into `out`, which has room for `size` bytes; how many were written. */
static inline Py_ssize_t json_compact(const char *text, Py_ssize_t size, char *out)
{
    Py_ssize_t at = 0, written = 0;
    while (at < size) {
        char c = text[at];
        if (c == '"') {
            Py_ssize_t end = json_after_string(text, at, size);
            memcpy(out + written, text + at, (size_t)(end - at));
            written += end - at;
            at = end;
        } else {
            if (!json_is_space(c))
                out[written++] = c;
            at++;
        }
    }
    return written;
}

/* How many elements the array at text[0..size) has. */
static inline Py_ssize_t json_elements(const char *text, Py_ssize_t size)
{
    Py_ssize_t at = 0, commas = 0;
    int depth = 0, filled = 0;
    while (at < size) {
        char c = text[at];
        if (c == '"') {
            filled = 1;
            at = json_after_string(text, at, size);
            continue;
        }
        if (c == '[' || c == '{') {
            filled |= depth > 0;
            depth++;
        } else if (c == ']' || c == '}') {
            depth--;
        } else if (c == ',') {
            commas += depth == 1;
        } else if (!json_is_space(c)) {
            filled = 1;
        }
        at++;
    }
    return filled ? commas + 1 : 0;
}

#endif
