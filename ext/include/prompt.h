/* Count the tokens of a request's prompt in the request's own bytes, which json_scan has checked.
 *
 * The overheads of messages are those of OpenAI's cookbook, "How to count tokens with tiktoken": three tokens a message,
 * one more for a name, three that begin the answer; every string member of a message counts. Without a table, bytes are
 * counted in the place of tokens: an upper bound, since a token has at least one. */
#ifndef TIANJI_PROMPT_H
#define TIANJI_PROMPT_H

#include "bpe.h"
#include "json_walk.h"

enum { PROMPT_MESSAGE = 3, PROMPT_NAME = 1, PROMPT_ANSWER = 3 };

typedef struct {
    const uint8_t *url, *url_end; /* between the quotes, as it stands */
    int low;                      /* "detail": "low" */
} prompt_image;

typedef struct {
    const bpe *table; /* NULL: bytes in the place of tokens */
    bpe_work work;
    size_t count, limit; /* it may stop when it has counted more than `limit` */
    uint8_t *text;       /* what is put together before it is counted */
    size_t size, room;
    prompt_image *images; /* their tokens are not in `count` */
    size_t image_count, image_room;
    size_t others;    /* parts of other media, likewise */
    int instructed;   /* there is a system message */
    int no_memory;
} prompt;

static inline void prompt_free(prompt *c)
{
    free(c->text);
    free(c->images);
}

/* Room for `more` bytes of text; 0 when there is no memory. */
static inline int prompt_room(prompt *c, size_t more)
{
    uint8_t *grown;
    if (c->room - c->size >= more) return 1;
    c->room = (c->size + more) * 2;
    grown = realloc(c->text, c->room);
    if (grown == NULL) {
        c->room = c->size;
        c->no_memory = 1;
        return 0;
    }
    c->text = grown;
    return 1;
}

static inline void prompt_count(prompt *c, const uint8_t *p, const uint8_t *end)
{
    if (c->table == NULL) c->count += (size_t)(end - p);
    else if (bpe_count(c->table, &c->work, p, end, c->limit, &c->count)) c->no_memory = 1;
}

/* Add the text of a string with its quotes. Anything else is no text. */
static inline void prompt_add(prompt *c, const uint8_t *value, const uint8_t *end)
{
    if (end - value < 2 || *value != '"' || !prompt_room(c, (size_t)(end - value))) return;
    c->size += json_unescape(value + 1, end - 1, c->text + c->size);
}

static inline void prompt_string(prompt *c, const json_item *item)
{
    const uint8_t *p = item->value + 1, *end = item->end - 1;
    if (end < p || *item->value != '"') return;
    if (c->table != NULL && memchr(p, '\\', (size_t)(end - p)) != NULL) {
        c->size = 0;
        prompt_add(c, item->value, item->end);
        prompt_count(c, c->text, c->text + c->size);
    } else {
        prompt_count(c, p, end);
    }
}

/* An image: its address, or an object with `url` and `detail`. */
static inline void prompt_see(prompt *c, const json_item *item)
{
    json_item url = *item, detail;
    prompt_image *grown;
    if (*item->value == '{' && !json_member_named(item->value, item->end, "url", &url)) return;
    if (*url.value != '"') return;
    if (c->image_count == c->image_room) {
        c->image_room = c->image_room * 2 + 8;
        grown = realloc(c->images, c->image_room * sizeof *grown);
        if (grown == NULL) {
            c->no_memory = 1;
            return;
        }
        c->images = grown;
    }
    c->images[c->image_count].url = url.value + 1;
    c->images[c->image_count].url_end = url.end - 1;
    c->images[c->image_count++].low =
        json_member_named(item->value, item->end, "detail", &detail) && json_equals(&detail, "low");
}

/* Content: a string, or a list of strings and parts. Parts have text, an image, other media, or content of their own. */
static void prompt_content(prompt *c, const json_item *content)
{
    json_walk parts = json_enter(content->value, content->end), members;
    json_item part, item;
    prompt_string(c, content);
    while (c->count <= c->limit && json_next(&parts, &part)) {
        prompt_string(c, &part);
        members = json_enter(part.value, part.end);
        while (members.members && json_next(&members, &item)) {
            if (json_named(&item, "text") || json_named(&item, "refusal") || json_named(&item, "thinking")) {
                prompt_string(c, &item);
            } else if (json_named(&item, "content") || json_named(&item, "parts")) {
                prompt_content(c, &item);
            } else if (json_named(&item, "image_url")) {
                prompt_see(c, &item);
            } else if (*item.value == '{') {
                c->others++; /* input_audio, file, source, inline_data */
            }
        }
    }
}

/* What a function was called with: the strings of the object `function`, or `custom`, of each call. */
static inline void prompt_calls(prompt *c, const json_item *calls)
{
    json_walk walk = json_enter(calls->value, calls->end), members;
    json_item call, what, item;
    while (json_next(&walk, &call)) {
        if (!json_member_named(call.value, call.end, "function", &what) &&
            !json_member_named(call.value, call.end, "custom", &what)) {
            continue;
        }
        members = json_enter(what.value, what.end);
        while (json_next(&members, &item)) prompt_string(c, &item);
    }
}

static inline void prompt_message(prompt *c, const json_item *message)
{
    json_walk members = json_enter(message->value, message->end), inner;
    json_item item, part;
    c->count += PROMPT_MESSAGE;
    while (c->count <= c->limit && json_next(&members, &item)) {
        if (json_named(&item, "content") || json_named(&item, "parts")) {
            prompt_content(c, &item);
        } else if (json_named(&item, "tool_calls")) {
            prompt_calls(c, &item);
        } else if (json_named(&item, "function_call")) {
            inner = json_enter(item.value, item.end);
            while (json_next(&inner, &part)) prompt_string(c, &part);
        } else {
            prompt_string(c, &item);
            if (json_named(&item, "name")) c->count += PROMPT_NAME;
            if (json_named(&item, "role")) c->instructed |= json_equals(&item, "system");
        }
    }
}

/* Count the list of messages at `value`. */
static inline void prompt_messages(prompt *c, const uint8_t *value, const uint8_t *end)
{
    json_walk walk = json_enter(value, end);
    json_item message;
    while (c->count <= c->limit && !c->no_memory && json_next(&walk, &message)) prompt_message(c, &message);
    c->count += PROMPT_ANSWER;
}

/* Count what completions and embeddings take: a string, token ids, or a list of either. */
static void prompt_input(prompt *c, const uint8_t *value, const uint8_t *end)
{
    json_walk walk = json_enter(value, end);
    json_item item = {NULL, NULL, value, end};
    prompt_string(c, &item);
    while (c->count <= c->limit && !c->no_memory && json_next(&walk, &item)) {
        if (*item.value == '[' || *item.value == '"') prompt_input(c, item.value, item.end);
        else c->count++;
    }
}

#endif
