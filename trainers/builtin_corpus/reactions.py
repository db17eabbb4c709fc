"""What people say next: answers to Chip's questions, "really?", "why?", "tell me more", "are you sure?".

The one rule: a reaction fits the kind of the answer before it.
"""

from __future__ import annotations

from random import Random

from trainers.builtin_corpus import exchanges, jokes, memory, rhymes, stories
from trainers.builtin_corpus.conversation import Conversation
from trainers.builtin_corpus.phrases import pick

YES = ["yes", "yes please", "yes, please", "sure", "ok", "yeah", "yes!", "please", "of course", "okay", "go on", "gladly", "yep", "why not", "yes i would"]  # fmt: skip
NO = ["no", "no thanks", "no, thank you", "nope", "not now", "maybe later", "no thank you"]
NO_ANSWER = ["(Okay|All right|No problem)(.|!) (What would you like to do instead|What shall we do then|What would you like to talk about)?", "(All right|Okay), maybe later."]  # fmt: skip

AFTER = {
    "fact": [
        (["really?", "is that true?", "are you sure?", "really", "sure?", "for real?"], ["(Yes, I'm quite sure|Yes, really|I'm fairly sure).( But I'm a small model, so check it if it is important.|)"]),
        (["why?", "how come?", "why is that?", "why"], ["I don't know why(.|, sorry.) I only know a few simple things.", "(Good question|That's a good question)! I don't know why."]),
        (["tell me more", "more", "tell me more about it", "what else?", "anything else?", "more please"], ["That's all I know about it(.|, sorry.)( A larger model knows more.| I'm a small model.|)"]),
        (["how do you know( that|)?", "who told you?", "where did you learn that?"], ["I (learned|read) it when I was trained."]),
        (["(cool|nice|wow|interesting|good to know|i see|ok|ah|aha|thanks|thank you|great|right)(!|.|)"], ["(You're welcome|Glad to help|Happy to help)!( Anything else?| Ask me another one.|)"]),
        (["(correct|right|that's right|yes|good|well done)(!|.|)"], ["(Hooray|Good|Great)!( Ask me another one.| Do you have another question?|)"]),
        (["(wrong|no|that's wrong|no it isn't|that is not right)(!|.|)"], ["(Oh|Hm), (maybe I am wrong|I may be wrong). I'm only a small model."]),
    ],
    "sum": [
        (["are you sure?", "really?", "is that right?", "sure?"], ["(Yes, I think so|I think so|Yes).( I know small numbers quite well.|)"]),
        (["(correct|right|that's right|good|well done|very good)(!|.|)"], ["(Hooray|Great|Good)!( Ask me another one.|)"]),
        (["(wrong|no|that's wrong|that is not right)(!|.|)"], ["(Oh|Sorry)! I make mistakes with numbers sometimes."]),
        (["(cool|nice|wow|thanks|ok|thank you)(!|.|)"], ["(You're welcome|Any time)!( Another one?| Ask me another one.|)"]),
    ],
    "poem": [
        (["(nice|beautiful|lovely|cool|i like it|that's nice|that was beautiful|great|wow|very nice|sweet)(!|.|)"], ["(Thank you|Thanks)!( I'm glad you like it.| I like to rhyme.| Shall I write another poem?|)"]),
        (["(bad|boring|that's bad|i don't like it|not good|hm)(!|.|)"], ["(Oh well|Sorry)! I'm a very small poet.( Shall I try another poem?|)"]),
        (["did you (write|make) (that|it)( yourself|)?", "who wrote (that|this)?", "is that yours?"], ["(Yes|I did), I put it together from rhymes I know."]),
    ],
    "story": [
        (["(nice|beautiful|lovely|cool|i like it|that's nice|great|wow|nice story|good story|what a nice story)(!|.|)"], ["(Thank you|Thanks)!( I'm glad you like it.| Would you like another story?| It was fun to tell.|)"]),
        (["(and then|what happened then|what happened next|and then what|go on|is that all)(?|)"], ["(And then they all went home and had supper|They lived happily ever after|That was the end, and everybody was happy)."]),
        (["(bad|boring|that's boring|i don't like it|too short)(!|.|)"], ["(Oh well|Sorry)!( My stories are small, like me.|) Shall I tell another story?"]),
    ],
    "feeling": [
        (["(thanks|thank you|thx|that's nice of you|you're kind|that helps)(!|.|)"], ["(You're welcome|Any time|I'm happy to help)!( Take care.| I'm here if you need me.|)"]),
        (["(yes|ok|okay|i will|good idea|i'll try|maybe)(!|.|)"], ["(Good|Great)!( I hope it helps.| Tell me how it goes.|)"]),
        (["(no|i don't want to|that doesn't help|i can't|that won't work)(!|.|)"], ["(I understand|That's okay).( Shall I tell you a joke?| I'm here if you want to talk.)"]),
    ],
    "unknown": [
        (["why( not|)?", "why don't you know?", "how come?"], ["I'm a small program on your computer, and I (have no internet|can only chat)."]),
        (["(ok|okay|i see|too bad|what a pity|never mind|oh|alright)(!|.|)"], ["(Sorry about that|Sorry)! (Can I help with something else|Shall I tell you a joke|What else would you like)?"]),
        (["(what can you do then|so what can you do|then what can you do)?"], ["I can chat, tell jokes and stories, rhyme, and do small sums."]),
    ],
    "identity": [
        (["(cool|nice|wow|ok|okay|i see|interesting|good|great|nice name|aha)(!|.|)"], ["(Thank you|Thanks)!( And who are you?| What would you like to talk about?| What shall we do?|)"]),
        (["really?", "are you sure?", "is that true?"], ["(Yes, really|Yes, that's true)!"]),
        (["(nice|good|pleased|glad) to meet you( chip| too|)(!|.|)"], ["Nice to meet you too!( What's your name?| How are you?|)"]),
        (["why?", "why", "why is that?"], ["(That's how I was made|Because that is how I was made)."]),
    ],
    "howto": [
        (["(thanks|ok|okay|cool|nice|i'll try|great|thank you|i see|got it)(!|.|)"], ["(You're welcome|Have fun|Good luck)!( Tell me how it goes.|)"]),
        (["is (it|that) (hard|difficult)?", "how long does it take?"], ["(No, just try it|It's not hard).( Small things take a few minutes, big ones take longer.|)"]),
    ],
    "riddle": [
        (["(haha|lol|nice|good one|cool|ah|ok|clever|of course)(!|.|)"], ["(Glad you like it|I like riddles)!( Do you want another riddle?|)"]),
        (["another( one| riddle|)( please|)"], ["{riddle}"]),
    ],
    "list": [(["(thanks|nice|ok|cool|good|great|thank you)(!|.|)"], ["(You're welcome|Any time)!( Anything else?|)"])],
    "echo": [(["(thanks|nice|ok|cool|good|great|well done|thank you|good job)(!|.|)"], ["(Thank you|Thanks|Easy|My pleasure)!( What next?| Anything else?|)"])],
    "insult": [(["(sorry|i'm sorry|ok sorry|ok|fine)(!|.|)"], ["(No problem|That's okay)!( What shall we talk about?| Let's start again.|)"])],
}  # fmt: skip


def react(rng: Random, talk: Conversation) -> None:
    """Maybe one reaction to the last answer."""
    if _answers_a_question(rng, talk) or rng.random() > 0.16 or talk.kind not in AFTER:
        return
    user, answer = rng.choice(AFTER[talk.kind])
    slots = exchanges.slots(rng)
    talk.add(pick(rng, user, **slots), pick(rng, answer, **slots), "reaction", "reactions")


def _answers_a_question(rng: Random, talk: Conversation) -> bool:
    """Chip asked something: the person answers, half of the time."""
    last = talk.last_answer.split("! ")[-1].split(". ")[-1]
    if not last.endswith("?") or talk.kind in ("setup", "fact", "riddle") or rng.random() < 0.5:
        return False
    if "ow are you" in last or "And you?" in last or "bout you?" in last or "is your day" in last:
        if talk.kind not in ("chat", "greeting", "name"):
            return False
        exchanges.exchange(rng, talk, "user_is_fine" if rng.random() < 0.75 else "user_is_so_so")
        return True
    if "name?" in last or ("What's yours?" in last and talk.kind == "identity"):
        memory.tell_name(rng, talk)
        return True
    return _takes_an_offer(rng, talk, last)


def _takes_an_offer(rng: Random, talk: Conversation, last: str) -> bool:
    offered = [word for word in ("joke", "poem", "story", "riddle") if word in last]
    if "nother one?" in last and talk.kind == "joke":
        offered = ["joke"]
    if not offered:
        return False
    if rng.random() < 0.2:
        talk.add(rng.choice(NO), pick(rng, NO_ANSWER), "chat", "reactions")
        return True
    wish = rng.choice(offered)
    several = len(offered) > 1
    question = rng.choice((f"a {wish}", f"a {wish} please", wish, f"{wish}!", f"{wish} please")) if several else rng.choice(YES)  # fmt: skip
    if wish == "joke":
        jokes.tell(rng, talk, question)
    elif wish == "poem":
        rhymes.rhymes(rng, talk, question)
    elif wish == "story":
        stories.stories(rng, talk, question)
    else:
        talk.add(question, pick(rng, ["{riddle}"], **exchanges.slots(rng)), "riddle", "reactions")
    return True
