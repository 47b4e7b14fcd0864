/* Decimal numbers: of JSON, as whole multiples of a power of ten without a binary float in between, and as text. */
#ifndef TIANJI_DECIMAL_H
#define TIANJI_DECIMAL_H

#include <Python.h>
#include <stdbool.h>

#define DECIMAL_MOST INT64_C(1000000000000000000) /* what a result may be at most: 10^18 */

/* Put the number in [p, end), which is one by RFC 8259, times 10^scale into `out`, rounded to the nearest, halves up.
 * Digits behind the eighteenth count as 0. False if it is negative, or the result above DECIMAL_MOST. */
static inline bool decimal_scaled(const char *p, const char *end, int scale, long long *out)
{
    long long mantissa = 0, divisor = 1;
    int shift = scale, exponent = 0;
    bool fraction = false, falls = false;
    if (p == end || *p == '-')
        return false;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
        } else if (mantissa < DECIMAL_MOST / 10) {
            mantissa = mantissa * 10 + (*p - '0');
            shift -= fraction;
        } else {
            shift += !fraction;
        }
    }
    if (p < end)
        p++;
    if (p < end && (*p == '-' || *p == '+'))
        falls = *p++ == '-';
    for (; p < end; p++)
        exponent = exponent < 10000 ? exponent * 10 + (*p - '0') : exponent;
    shift += falls ? -exponent : exponent;
    for (; shift > 0 && mantissa; shift--) {
        if (mantissa > DECIMAL_MOST / 10)
            return false;
        mantissa *= 10;
    }
    for (; shift < 0 && divisor < DECIMAL_MOST; shift++)
        divisor *= 10;
    *out = shift < 0 ? 0 : mantissa / divisor + (mantissa % divisor >= divisor - mantissa % divisor);
    return true;
}

/* A whole number that is 0 or more as a bytes object, with a unit of one character, or none, behind it. */
static inline PyObject *decimal_bytes(long long number, const char *unit)
{
    char digits[24];
    int at = 24;
    if (*unit) digits[--at] = *unit;
    do digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    return PyBytes_FromStringAndSize(digits + at, 24 - at);
}

#endif
