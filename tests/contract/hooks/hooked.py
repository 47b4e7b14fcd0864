"""Code of an operator's, written for LiteLLM's proxy: what it does a request says in its text."""

CODE = """
import asyncio
import json
import os

import litellm
from fastapi import HTTPException
from litellm.integrations.custom_batch_logger import CustomBatchLogger
from litellm.integrations.custom_logger import CustomLogger
from litellm.integrations.custom_logger import AgenticLoopPlan, AgenticLoopRequestPatch
from litellm.proxy.proxy_server import DualCache, UserAPIKeyAuth
from litellm.types.router import PreRoutingHookResponse
from neighbour import SHOUT

TOLD = os.path.join(os.path.dirname(__file__), "told.jsonl")


def tell(**event):
    with open(TOLD, "a") as file:
        file.write(json.dumps(event) + "\\n")


def word(data):
    messages = data.get("messages") or [{"content": str(data.get("input", ""))}]
    return str(messages[-1]["content"])


class Requests(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict: UserAPIKeyAuth, cache: DualCache, data: dict, call_type):
        said = word(data)
        if "change" in said:
            data["messages"][-1]["content"] = f"changed for {user_api_key_dict.user_id} by {call_type}"
            data["temperature"] = 0.25
            data["stream"] = True
        if "elsewhere" in said:
            data["model"] = "other"
        if "text" in said:
            return "I would rather not"
        if "status" in said:
            raise HTTPException(status_code=418, detail={"error": "a teapot", "kind": "pot"})
        if "fails before" in said:
            raise KeyError("the secret word")
        return data

    async def async_moderation_hook(self, data: dict, user_api_key_dict, call_type):
        await asyncio.sleep(0)
        if "fails beside" in word(data):
            raise KeyError("the secret word")
        if "refused beside" in word(data):
            raise HTTPException(status_code=403, detail="refused beside")

    async def async_post_call_success_hook(self, data: dict, user_api_key_dict, response):
        if "after" in word(data):
            assert isinstance(response, litellm.ModelResponse)
            response.choices[0].message.content = SHOUT
        if "fails late" in word(data):
            raise KeyError("the secret word")
        if "no answer" in word(data):
            raise HTTPException(status_code=451, detail="not this answer")

    async def async_post_call_streaming_iterator_hook(self, user_api_key_dict, response, request_data: dict):
        said = word(request_data)
        async for chunk in response:
            if "break off" in said and chunk.choices and chunk.choices[0].delta.content:
                raise HTTPException(status_code=400, detail="no more of this")
            if "fails within" in said:
                raise KeyError("the secret word")
            if "iterate" in said and chunk.choices and chunk.choices[0].delta.content:
                chunk.choices[0].delta.content = chunk.choices[0].delta.content.upper()
            yield chunk
            if "shorten" in said and chunk.choices and chunk.choices[0].delta.content:
                return

    async def async_post_call_failure_hook(self, request_data, original_exception, user_api_key_dict, **kwargs):
        if "replace" in word(request_data):
            return HTTPException(status_code=409, detail=f"instead of {original_exception.status_code}")
        if "fails at failure" in word(request_data):
            raise KeyError("the secret word")

    async def async_post_call_response_headers_hook(self, data, user_api_key_dict, response, request_headers=None):
        if "fails at headers" in word(data):
            raise KeyError("the secret word")
        return {"x-mine": request_headers.get("x-sent", "nothing"), "content-length": "7"}


class Logs(CustomLogger):
    def log_pre_api_call(self, model, messages, kwargs):
        tell(kind="before", model=model)

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        payload = kwargs["standard_logging_object"]
        tell(
            kind="success", messages=kwargs["messages"], cost=kwargs["response_cost"], payload=payload,
            seconds=(end_time - start_time).total_seconds(), tokens=response_obj.usage.total_tokens,
            text=response_obj["choices"][0].message.content,
        )

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        tell(kind="failure", messages=kwargs["messages"], why=str(kwargs["exception"]))


class Broken(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        raise RuntimeError("a logger that fails")


class Ways(CustomLogger):
    async def async_pre_routing_hook(self, model, request_kwargs, messages=None, input=None, specific_deployment=False):
        said = word(request_kwargs)
        if "fails at routing" in said:
            raise KeyError("the secret word")
        if "route to nowhere" in said:
            return PreRoutingHookResponse(model="nowhere")
        if "route to another" in said:
            return PreRoutingHookResponse(model="other", messages=[{"role": "user", "content": f"from {model}"}])

    async def async_filter_deployments(self, model, healthy_deployments, messages, request_kwargs=None, **kwargs):
        said = word(request_kwargs)
        if "fails at filtering" in said:
            raise HTTPException(status_code=403, detail="nobody may")
        if "nobody" in said:
            return []
        if "only the second" in said:
            assert all("api_key" not in one["litellm_params"] for one in healthy_deployments)
            return [one for one in healthy_deployments if one["model_info"]["id"] in ("second", "spare")]
        return healthy_deployments

    async def async_pre_call_check(self, deployment, parent_otel_span):
        if deployment["model_info"]["id"] == "full":
            raise litellm.RateLimitError(message="full up", llm_provider="openai", model=deployment["model_name"])

    async def async_pre_call_deployment_hook(self, kwargs, call_type):
        said = word(kwargs)
        if "fails at sending" in said:
            raise KeyError("the secret word")
        if "each attempt" in said:
            kwargs["messages"][-1]["content"] = f"each attempt of {kwargs['metadata']['model_info']['id']}"
            kwargs["api_base"] = "http://elsewhere"
            return {**kwargs, "stream": False, "model": "another"}

    async def async_pre_request_hook(self, model, messages, kwargs):
        if "each attempt" in word(kwargs):
            return {**kwargs, "user": model}

    async def async_post_call_streaming_deployment_hook(self, request_data, response_chunk, call_type):
        said = word(request_data)
        if "fails at pieces" in said:
            raise KeyError("the secret word")
        if "piece by piece" in said and response_chunk.choices and response_chunk.choices[0].delta.content:
            response_chunk.choices[0].delta.content = "piece "
            return response_chunk

    def log_stream_event(self, kwargs, response_obj, start_time, end_time):
        tell(kind="piece", said=word(kwargs), text=response_obj.choices[0].delta.content, later=end_time >= start_time)
        raise RuntimeError("which nobody minds")

    async def async_filter_listed_models(self, user_api_key_dict, model_names):
        return [name for name in model_names if name != "hidden"]

    async def async_get_chat_completion_prompt(self, model, messages, non_default_params, prompt_id, prompt_variables,
                                               dynamic_callback_params, prompt_label=None, **kwargs):
        if prompt_id == "fails":
            raise KeyError("the secret word")
        if prompt_id == "mine":
            said = [{"role": "system", "content": f"for {prompt_variables['who']} {prompt_label}"}, *messages]
            return "other", said, {**non_default_params, "temperature": 0.75}
        return model, messages, non_default_params

    async def log_model_group_rate_limit_error(self, exception, original_model_group, kwargs):
        tell(kind="limited", group=original_model_group, status=exception.status_code)


class Tools(CustomLogger):
    async def async_should_run_agentic_loop(
        self, response, model, messages, tools, stream, custom_llm_provider, kwargs
    ):
        calls = [call for choice in response.choices or () for call in choice.message.tool_calls or ()]
        if any(call["function"]["name"] == "fails" for call in calls):
            raise KeyError("the secret word")
        return bool(calls), {"calls": calls, "provider": custom_llm_provider}

    async def async_build_agentic_loop_plan(
        self, tools, model, messages, response, logging_obj, stream, kwargs, **more
    ):
        if tools["calls"][0]["function"]["name"] == "answer":
            return AgenticLoopPlan(response_override={**response, "id": "overridden"})
        said = tools["provider"]
        results = [{"role": "tool", "tool_call_id": call["id"], "content": said} for call in tools["calls"]]
        said = [*messages, dict(response.choices[0].message), *results]
        patch = AgenticLoopRequestPatch(model=model, messages=said, optional_params={"temperature": 0.125})
        return AgenticLoopPlan(run_agentic_loop=True, request_patch=patch)


class Batches(CustomBatchLogger):
    async def async_send_batch(self):
        tell(kind="batch", costs=[event["response_cost"] for event in self.log_queue])


def function(kwargs, completion_response, start_time, end_time):
    tell(kind="function", model=kwargs["model"])


def may_be_asked(text):
    return "forbidden" not in text


def may_be_said(text):
    if "a rule fails" in text:
        raise KeyError("the secret word")
    return {"decision": "unspeakable" not in text, "message": "that is not said here"}


broken = Broken()
requests = Requests()
logs = Logs()
ways = Ways()
tools = Tools()
batches = Batches(flush_interval=0.05)
"""
