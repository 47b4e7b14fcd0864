/* What a long text holds, found in one pass over it that compilers turn into vectors. */
#ifndef TIANJI_TEXT_MARKS_H
#define TIANJI_TEXT_MARKS_H

#include <stddef.h>

enum { MARK_LINE = 1, MARK_64 = 2, MARK_DATA = 4, MARK_WIDE = 8 };

/* Whether there is a line's end in it, "64", something that ends like the name of a member `data`, and what is no ASCII. */
static inline int text_marks(const unsigned char *text, ptrdiff_t size)
{
    unsigned char line = 0, sixty_four = 0, data = 0, wide = 0;
    for (ptrdiff_t i = 0; i + 1 < size; i++) {
        const unsigned char one = text[i], next = text[i + 1];
        line |= (unsigned char)((one == '\n') | (one == '\r'));
        sixty_four |= (unsigned char)((one == '6') & (next == '4'));
        data |= (unsigned char)((one == 'a') & (next == '"'));
        wide |= one;
    }
    if (size > 0) {
        const unsigned char last = text[size - 1];
        line |= (unsigned char)((last == '\n') | (last == '\r'));
        wide |= last;
    }
    return (line ? MARK_LINE : 0) | (sixty_four ? MARK_64 : 0) | (data ? MARK_DATA : 0) | (wide & 0x80 ? MARK_WIDE : 0);
}

#endif
