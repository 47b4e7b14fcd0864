/* Money in integers. A price is in atto-dollars (10^-18) for one unit, a cost in nano-dollars (10^-9); what lies between
 * has 128 bits, so nothing is rounded but the end. */
#ifndef TIANJI_METER_H
#define TIANJI_METER_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 meter_atto;

/* What is counted. The tokens come first, those of the prompt before those of the completion. */
enum {
    METER_INPUT,
    METER_CACHE_READ,
    METER_CACHE_READ_AUDIO,
    METER_CACHE_READ_IMAGE,
    METER_CACHE_WRITE,
    METER_CACHE_WRITE_1H,
    METER_INPUT_AUDIO,
    METER_INPUT_IMAGE,
    METER_INPUT_VIDEO,
    METER_OUTPUT,
    METER_REASONING,
    METER_OUTPUT_AUDIO,
    METER_OUTPUT_IMAGE,
    METER_OUTPUT_VIDEO,
    METER_TOKENS, /* the kinds from here on are no tokens */
    METER_REQUESTS = METER_TOKENS,
    METER_QUERIES,
    METER_INPUT_CHARACTERS,
    METER_OUTPUT_CHARACTERS,
    METER_INPUT_PICTURES,
    METER_OUTPUT_PICTURES,
    METER_PIXELS,
    METER_MILLISECONDS,
    METER_INPUT_AUDIO_MILLISECONDS,
    METER_INPUT_VIDEO_MILLISECONDS,
    METER_OUTPUT_VIDEO_MILLISECONDS,
    METER_PAGES,
    METER_ANNOTATED_PAGES,
    METER_CREDITS,
    METER_TEXT_MESSAGES,
    METER_WEB_SEARCHES_LOW,
    METER_WEB_SEARCHES,
    METER_WEB_SEARCHES_HIGH,
    METER_KINDS
};

/* The prices of a request whose prompt has more than `above` tokens. */
typedef struct {
    long long above;
    unsigned long long price[METER_KINDS];
} meter_step;

/* The factor of a cost, and nano-dollars that come on top. */
typedef struct {
    long long numerator, denominator, fixed;
} meter_factor;

/* Bounds with which nothing here can overflow: a quantity, the parts of a factor, and a cost before and after it. */
#define METER_QUANTITY (INT64_C(1) << 56)
#define METER_FACTOR (INT64_C(1) << 40)
#define METER_MOST INT64_C(1000000000000000) /* nano-dollars that a request may cost: a million dollars */

static inline meter_atto meter_sum(const unsigned long long *price, const long long *amount)
{
    meter_atto sum = 0;
    int kind;
    for (kind = 0; kind < METER_KINDS; kind++)
        if (amount[kind])
            sum += (meter_atto)price[kind] * (unsigned long long)amount[kind];
    return sum;
}

/* The cost in nano-dollars of `sum` atto-dollars, rounded once, to the nearest, halves up. At most METER_MOST. */
static inline long long meter_nano(meter_atto sum, const meter_factor *factor)
{
    const meter_atto most = (meter_atto)METER_MOST * 1000000000u;
    meter_atto unit, rest, nano;
    sum = sum < most ? sum : most;
    sum = sum * (unsigned long long)factor->numerator +
          (meter_atto)(unsigned long long)factor->fixed * 1000000000u * (unsigned long long)factor->denominator;
    if (factor->denominator == 1 && sum >> 64 == 0) { /* one instruction instead of a long division */
        unsigned long long narrow = (unsigned long long)sum;
        return (long long)(narrow / 1000000000u + (narrow % 1000000000u >= 500000000u));
    }
    unit = (meter_atto)(unsigned long long)factor->denominator * 1000000000u;
    nano = sum / unit;
    rest = sum - nano * unit;
    nano += rest >= unit - rest;
    return nano < (meter_atto)METER_MOST ? (long long)nano : METER_MOST;
}

/* Take `wanted` of what is left, as far as there is any. */
static inline long long meter_take(long long *left, long long wanted)
{
    wanted = wanted < 0 ? 0 : wanted < *left ? wanted : *left;
    *left -= wanted;
    return wanted;
}

#endif
