/* What of a streamed chat or completion is for its reader (OpenAI's form,
 * https://platform.openai.com/docs/api-reference/chat-streaming). The texts are well-formed JSON. */
#ifndef TIANJI_CHAT_CONTENT_H
#define TIANJI_CHAT_CONTENT_H

#include "json_walk.h"

/* Whether a value is more than null, false, nought or empty. */
static inline int chat_filled(const json_item *item)
{
    const uint8_t *p = item->value, *end = item->end;
    if (*p == '"') return end - p > 2;
    if (*p == '{' || *p == '[') return json_space(p + 1, end) < end - 1;
    while (p < end && (*p == '-' || *p == '.' || *p == '0')) p++;
    return p < end && (*p == 't' || (*p >= '1' && *p <= '9'));
}

/* Whether a choice ends, or says more than whose it is. */
static inline int chat_choice_says(const json_item *choice)
{
    json_walk members = json_enter(choice->value, choice->end), parts;
    json_item member, part;
    if (!members.members) return 1;
    while (json_next(&members, &member)) {
        if (*member.value != 'n' && json_named(&member, "finish_reason")) return 1;
        if (json_named(&member, "text") && chat_filled(&member)) return 1;
        if (*member.value != '{' || !(json_named(&member, "delta") || json_named(&member, "message"))) continue;
        parts = json_enter(member.value, member.end);
        while (json_next(&parts, &part)) {
            if (!json_named(&part, "role") && chat_filled(&part)) return 1;
        }
    }
    return 0;
}

/* Whether a chunk, an object, holds more for the reader than roles and what is empty. What is not understood counts,
 * since nobody may hold it back. */
static inline int chat_has_content(const uint8_t *chunk, const uint8_t *end)
{
    json_walk members = json_enter(chunk, end), choices;
    json_item member, choice;
    int any = 0, known = 0;
    while (json_next(&members, &member)) {
        any = 1;
        if (json_named(&member, "choices")) {
            known = 1;
            choices = json_enter(member.value, member.end);
            if (*member.value != '[') return 1;
            while (json_next(&choices, &choice)) {
                if (chat_choice_says(&choice)) return 1;
            }
        } else if (*member.value != 'n' && json_named(&member, "usage")) {
            return 1;
        }
    }
    return any && !known;
}

#endif
