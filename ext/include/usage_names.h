/* The members of usage objects, by all the names that the field gives them. */
#ifndef TIANJI_USAGE_NAMES_H
#define TIANJI_USAGE_NAMES_H

#include <Python.h>
#include <string.h>

typedef enum {
    USAGE_OTHER,
    USAGE_PROMPT,
    USAGE_INPUT,
    USAGE_COMPLETION,
    USAGE_OUTPUT,
    USAGE_TOTAL,
    USAGE_INPUT_DETAILS,
    USAGE_OUTPUT_DETAILS,
    USAGE_CACHED,
    USAGE_CACHE_READ,
    USAGE_CACHE_CREATION,
    USAGE_WRITTEN,
    USAGE_WRITE_TIMES,
    USAGE_WRITTEN_1H,
    USAGE_CACHED_DETAILS,
    USAGE_AUDIO,
    USAGE_IMAGE,
    USAGE_VIDEO,
    USAGE_REASONING,
    USAGE_COST,
    USAGE_COST_SUM,
    USAGE_TICKS,
    USAGE_TIER,
    USAGE_TOOLS,
    USAGE_SEARCHES,
    USAGE_SECONDS
} usage_member;

#define USAGE_IS(text, member) \
    if (memcmp(name, text, sizeof text - 1) == 0) \
        return member

static inline usage_member usage_name(const char *name, Py_ssize_t size)
{
    switch (size) {
    case 4:
        USAGE_IS("cost", USAGE_COST);
        break;
    case 7:
        USAGE_IS("seconds", USAGE_SECONDS);
        break;
    case 10:
        USAGE_IS("total_cost", USAGE_COST_SUM);
        break;
    case 12:
        USAGE_IS("total_tokens", USAGE_TOTAL);
        USAGE_IS("audio_tokens", USAGE_AUDIO);
        USAGE_IS("input_tokens", USAGE_INPUT);
        USAGE_IS("image_tokens", USAGE_IMAGE);
        USAGE_IS("video_tokens", USAGE_VIDEO);
        USAGE_IS("service_tier", USAGE_TIER);
        break;
    case 13:
        USAGE_IS("prompt_tokens", USAGE_PROMPT);
        USAGE_IS("cached_tokens", USAGE_CACHED);
        USAGE_IS("output_tokens", USAGE_OUTPUT);
        break;
    case 14:
        USAGE_IS("cache_creation", USAGE_WRITE_TIMES);
        break;
    case 15:
        USAGE_IS("thinking_tokens", USAGE_REASONING);
        USAGE_IS("server_tool_use", USAGE_TOOLS);
        break;
    case 16:
        USAGE_IS("reasoning_tokens", USAGE_REASONING);
        break;
    case 17:
        USAGE_IS("completion_tokens", USAGE_COMPLETION);
        USAGE_IS("cost_in_usd_ticks", USAGE_TICKS);
        break;
    case 18:
        USAGE_IS("cache_write_tokens", USAGE_WRITTEN);
        break;
    case 19:
        USAGE_IS("input_token_details", USAGE_INPUT_DETAILS);
        USAGE_IS("web_search_requests", USAGE_SEARCHES);
        break;
    case 20:
        USAGE_IS("input_tokens_details", USAGE_INPUT_DETAILS);
        USAGE_IS("output_token_details", USAGE_OUTPUT_DETAILS);
        break;
    case 21:
        USAGE_IS("prompt_tokens_details", USAGE_INPUT_DETAILS);
        USAGE_IS("output_tokens_details", USAGE_OUTPUT_DETAILS);
        USAGE_IS("cached_tokens_details", USAGE_CACHED_DETAILS);
        USAGE_IS("cache_creation_tokens", USAGE_WRITTEN);
        break;
    case 23:
        USAGE_IS("prompt_cache_hit_tokens", USAGE_CACHED);
        USAGE_IS("cache_read_input_tokens", USAGE_CACHE_READ);
        break;
    case 25:
        USAGE_IS("completion_tokens_details", USAGE_OUTPUT_DETAILS);
        USAGE_IS("ephemeral_1h_input_tokens", USAGE_WRITTEN_1H);
        break;
    case 27:
        USAGE_IS("cache_creation_input_tokens", USAGE_CACHE_CREATION);
        break;
    case 28:
        USAGE_IS("cache_creation_token_details", USAGE_WRITE_TIMES);
        break;
    default:
        break;
    }
    return USAGE_OTHER;
}

#endif
