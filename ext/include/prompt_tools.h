/* Count the tools of a request. OpenAI shows functions to its models as TypeScript; what is counted is that text, with
 * the overheads that LiteLLM adds to it, since both have been found out and neither is published. */
#ifndef TIANJI_PROMPT_TOOLS_H
#define TIANJI_PROMPT_TOOLS_H

#include "prompt.h"

enum { TOOLS_PRESENT = 9, TOOLS_INSTRUCTED = 4, TOOLS_NONE = 1, TOOLS_NAMED = 7 };
enum { TOOLS_REQUIRED = 64 }; /* names that are looked at to find out whether a property is required */

typedef struct { /* what a JSON schema says, each with `value` NULL when it does not */
    json_item type, description, values, items, properties, required;
} tools_schema;

static void tools_type(prompt *c, const json_item *schema, int indent);

static inline void tools_put(prompt *c, const char *text)
{
    size_t length = strlen(text);
    if (!prompt_room(c, length)) return;
    memcpy(c->text + c->size, text, length);
    c->size += length;
}

static inline void tools_indent(prompt *c, int columns)
{
    while (columns-- > 0) tools_put(c, " ");
}

static inline void tools_comment(prompt *c, const json_item *description)
{
    tools_put(c, "// ");
    prompt_add(c, description->value, description->end);
    tools_put(c, "\n");
}

static inline void tools_read(const json_item *value, tools_schema *schema)
{
    json_walk walk = json_enter(value->value, value->end);
    json_item item;
    memset(schema, 0, sizeof *schema);
    while (walk.members && json_next(&walk, &item)) {
        if (json_named(&item, "type")) schema->type = item;
        else if (json_named(&item, "description") && *item.value == '"') schema->description = item;
        else if (json_named(&item, "enum")) schema->values = item;
        else if (json_named(&item, "items")) schema->items = item;
        else if (json_named(&item, "properties")) schema->properties = item;
        else if (json_named(&item, "required")) schema->required = item;
    }
}

static inline int tools_requires(const json_item *required, const json_item *property)
{
    size_t length = (size_t)(property->name_end - property->name);
    json_walk walk;
    json_item name;
    int looked;
    if (required->value == NULL) return 0;
    walk = json_enter(required->value, required->end);
    for (looked = 0; looked < TOOLS_REQUIRED && json_next(&walk, &name); looked++) {
        if ((size_t)(name.end - name.value) == length + 2 && memcmp(name.value + 1, property->name, length) == 0) return 1;
    }
    return 0;
}

/* The properties of an object, a line each, without a line break behind the last. */
static inline void tools_properties(prompt *c, const tools_schema *object, int indent)
{
    json_walk walk;
    json_item property;
    tools_schema schema;
    int first = 1;
    if (object->properties.value == NULL) return;
    walk = json_enter(object->properties.value, object->properties.end);
    while (walk.members && json_next(&walk, &property)) {
        if (!first) tools_put(c, "\n");
        first = 0;
        tools_read(&property, &schema);
        if (schema.description.value != NULL) {
            tools_indent(c, indent);
            tools_comment(c, &schema.description);
        }
        tools_indent(c, indent);
        prompt_add(c, property.name - 1, property.name_end + 1);
        tools_put(c, tools_requires(&object->required, &property) ? ": " : "?: ");
        tools_type(c, &property, indent);
        tools_put(c, ",");
    }
}

/* The values of an enumeration, or `otherwise`. */
static inline void tools_values(prompt *c, const json_item *values, const char *otherwise)
{
    json_walk walk;
    json_item item;
    int first = 1;
    if (values->value == NULL) {
        tools_put(c, otherwise);
        return;
    }
    walk = json_enter(values->value, values->end);
    while (json_next(&walk, &item)) {
        if (!first) tools_put(c, " | ");
        first = 0;
        tools_put(c, "\"");
        if (*item.value == '"') {
            prompt_add(c, item.value, item.end);
        } else if (prompt_room(c, (size_t)(item.end - item.value))) {
            memcpy(c->text + c->size, item.value, (size_t)(item.end - item.value));
            c->size += (size_t)(item.end - item.value);
        }
        tools_put(c, "\"");
    }
}

static void tools_type(prompt *c, const json_item *value, int indent)
{
    tools_schema schema;
    tools_read(value, &schema);
    if (schema.type.value == NULL) tools_put(c, "any");
    else if (json_equals(&schema.type, "string")) tools_values(c, &schema.values, "string");
    else if (json_equals(&schema.type, "number")) tools_values(c, &schema.values, "number");
    else if (json_equals(&schema.type, "integer")) tools_values(c, &schema.values, "number");
    else if (json_equals(&schema.type, "boolean")) tools_put(c, "boolean");
    else if (json_equals(&schema.type, "null")) tools_put(c, "null");
    else if (json_equals(&schema.type, "array")) {
        if (schema.items.value == NULL) tools_put(c, "any");
        else tools_type(c, &schema.items, indent);
        tools_put(c, "[]");
    } else if (json_equals(&schema.type, "object")) {
        tools_put(c, "{\n");
        tools_properties(c, &schema, indent + 2);
        tools_put(c, "\n}");
    } else {
        tools_put(c, "any");
    }
}

static inline void tools_function(prompt *c, const json_item *function)
{
    json_item name, description, parameters, property;
    tools_schema schema;
    json_walk properties = {NULL, NULL, 0};
    if (json_member_named(function->value, function->end, "description", &description) && *description.value == '"') {
        tools_comment(c, &description);
    }
    tools_put(c, "type ");
    if (json_member_named(function->value, function->end, "name", &name)) prompt_add(c, name.value, name.end);
    tools_put(c, " = (");
    if (json_member_named(function->value, function->end, "parameters", &parameters)) {
        tools_read(&parameters, &schema);
        if (schema.properties.value != NULL) properties = json_enter(schema.properties.value, schema.properties.end);
    }
    if (properties.members && json_next(&properties, &property)) {
        tools_put(c, "_: {\n");
        tools_properties(c, &schema, 0);
        tools_put(c, "\n}");
    }
    tools_put(c, ") => any;\n\n");
}

/* Count the list of tools, or of functions, at `value`. The messages must have been counted before. */
static inline void prompt_tools(prompt *c, const uint8_t *value, const uint8_t *end)
{
    json_walk walk = json_enter(value, end);
    json_item tool, function;
    int many = 0;
    c->size = 0;
    tools_put(c, "namespace functions {\n\n");
    while (!c->no_memory && json_next(&walk, &tool)) {
        many = 1;
        tools_function(c, json_member_named(tool.value, tool.end, "function", &function) ? &function : &tool);
    }
    tools_put(c, "} // namespace functions");
    if (!many || c->no_memory) return;
    prompt_count(c, c->text, c->text + c->size);
    c->count += c->instructed ? TOOLS_PRESENT - TOOLS_INSTRUCTED : TOOLS_PRESENT;
}

/* Count the choice of a tool at `value`. */
static inline void prompt_tool_choice(prompt *c, const uint8_t *value, const uint8_t *end)
{
    json_item choice = {NULL, NULL, value, end}, function, name;
    if (json_equals(&choice, "none")) c->count += TOOLS_NONE;
    if (*value != '{') return;
    c->count += TOOLS_NAMED;
    if (!json_member_named(value, end, "function", &function)) function = choice;
    if (json_member_named(function.value, function.end, "name", &name)) prompt_string(c, &name);
}

#endif
