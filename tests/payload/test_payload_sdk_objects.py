"""What SDK objects say together: request and response of one call, in one row."""

from __future__ import annotations

from payloads import row, traced

from helicone_logging.receiver.rows import Choice


def test_an_answer_that_is_plain_text_shows_as_it_is() -> None:
    request = {"model": "whisper-1", "file": "a.mp3", "response_format": "text"}
    shown = row(traced(llm_request=request, llm_response="Hello there."))
    assert shown.choices == (Choice("assistant", "Hello there.", None),)
    assert "llm_response" not in shown.properties
    assert row(traced(llm_response='{"unknown": 1}')).choices == ()


def test_what_bedrock_serves_is_bedrocks_in_whose_words_it_may_answer() -> None:
    request = {"modelId": "cohere.command-r-v1:0", "body": '{"message": "Hi", "chat_history": []}'}
    response = {"text": "Hello", "finish_reason": "COMPLETE", "generation_id": "g", "response_id": "r"}
    shown = row(traced(llm_request=request, llm_response=response))
    assert (shown.provider, shown.model) == ("AWS", "cohere.command-r-v1:0")
    assert shown.choices == (Choice("assistant", "Hello", "COMPLETE"),)


def test_pictures_of_bedrock_show_as_marks() -> None:
    request = {"modelId": "stability.sd3-large-v1:0", "body": '{"prompt": "A house."}'}
    shown = row(traced(llm_request=request, llm_response={"images": ["AAAA"], "finish_reasons": [None]}))
    assert shown.choices == (Choice("assistant", "[image 3 bytes]", None),)
