"""Which messages are a wish for a joke or a poem, and which only speak of one."""

from __future__ import annotations

import time

import pytest

from tui_chat.companions.wishes import Wish, like_before, literal, wish_in

JOKES = """
tell me a joke
Tell me a joke!
Tell me a joke, please.
please tell me a joke
Do you know a good joke?
do you know any jokes?
joke please
Joke?
a joke
A joke, please!
Can you tell me a joke?
Could you please tell us a short joke?
I want to hear a joke
I'd like to hear a funny joke
i need a joke
give me a joke
Give me your best joke
what's your best joke?
What is your favourite joke?
make me laugh
Please make me laugh
Can you make me laugh?
say something funny
Tell me something funny!
I need a laugh
Hi! Tell me a joke.
Hello Chip, can you tell me a joke?
haha! another joke please
one more joke
another joke
tell me another joke
more jokes please
got any jokes?
Have you got a joke for me?
know any good jokes?
let's hear a joke
how about a joke?
What about a joke about cats? -> cats
Tell me a joke about programmers -> programmers
tell me a joke about my cat -> my cat
a joke about the weather, please -> the weather
joke about dogs -> dogs
Tell me a cat joke -> cat
tell me a programming joke -> programming
do you know a computer science joke? -> computer science
Tell me a knock-knock joke -> ; knock-knock
knock knock joke please -> ; knock-knock
do you know a good knock, knock joke? -> ; knock-knock
crack a joke
surprise me with a joke
I'm bored. Tell me a joke
tell me a joke 😀
tell me a joke :)
Tell me a dad joke -> dad
tell me the best joke
Would you tell me a joke, please?
I could use a joke right now
joke of the day
Tell me a joke for kids
heard any good jokes lately?
Why don't you tell me a joke?
ok, now a joke
haha, good one! tell me another joke
lol. more jokes please
I am sad. Tell me something funny
tell me a silly joke about cheese -> cheese
got a joke about robots? -> robots
Just tell me a joke
do you have a joke about computers -> computers
"""
POEMS = """
write a poem about rain -> rain
Write a poem about rain. -> rain
write me a poem about the sea -> the sea
Can you write a poem about autumn leaves? -> autumn leaves
a short poem on autumn, please -> autumn
can you write me a haiku about my cat -> my cat; haiku
Could you please compose a little poem about friendship for me? -> friendship
poem about rain -> rain
a poem
a poem please
Poem!
recite a poem
Recite a poem about the moon -> the moon
do you know a poem about the sea? -> the sea
Do you know any poems?
I'd like a poem about winter -> winter
I would like to hear a poem
i want a love poem -> love
write a limerick -> ; limerick
Write me a limerick about a robot -> a robot; limerick
Tell me a limerick -> ; limerick
haiku please -> ; haiku
a haiku about snow -> snow; haiku
sing me a lullaby -> ; lullaby
Give me a poem about "lost socks" -> lost socks
write a funny poem -> funny
Write a nature poem -> nature
read me a poem about stars, please -> stars
Hey, write a short poem about coffee -> coffee
another poem
one more poem, please
another haiku -> ; haiku
how about a poem?
make up a rhyme about a bee -> a bee
give me some verses about spring -> spring
Let me hear a poem about music -> music
compose a poem on patience -> patience
Write poetry about trees -> trees
I'm in the mood for a poem about the night -> the night
Write a poem about cats and dogs -> cats and dogs
would you write a poem about Paris in spring? -> Paris in spring
i feel like hearing a poem
and now a poem please
Thanks! Now write a poem about autumn -> autumn
recite your favourite poem
write me a rhyme
compose a haiku -> ; haiku
could you recite a haiku about the moon for me please? -> the moon; haiku
"""
NO_WISHES = """
explain the joke in this text
why is this joke funny?
Why is that joke funny
my poem is too long
translate this poem: Roses are red
what is a joke?
what is a poem?
What's a haiku?
is this a joke?
Are you joking?
That was a good joke
good joke!
A bad joke.
funny joke
a very good poem
nice poem
what a joke
I don't want a joke
don't tell me a joke
no jokes please
no more jokes
stop telling jokes
I love jokes
I like poems
I love poetry
do you like poems?
do you like jokes?
I have a joke for you
Let me tell you a joke
do you want to hear a joke?
Want to hear a joke?
have you heard the joke about the snail?
do you know the poem The Raven?
Do you know any poems by Keats?
tell me the joke again
tell me about jokes
tell me about the history of poetry
how do I write a poem?
How do you write a good joke?
How do I tell a joke at a wedding?
help me write a poem
what makes a poem good?
write a story about a poem
write a poem about rain in French
Write a poem about rain with ten lines
write a poem about rain in the style of Poe
write a poem about it
write a poem about this text
write a poem about why the sky is blue
Write a poem for my wife's birthday
write a poem about the sea that rhymes
write a poem without the letter e
write a poem about rain. Then translate it into German.
tell me a joke and explain it
Tell me a joke in German
tell me five jokes
Tell me 3 jokes about cats
write a joke detector in Python
write a function that prints a joke
summarise this poem
rate this joke from one to ten
who wrote this poem?
who told you that joke?
is a limerick a poem?
what is the difference between a poem and a song?
write a program that tells a joke
he told me a joke
she wrote a poem about rain
my cat is a joke
The poem is about rain
the last poem was better
I wrote a poem about rain
here is my poem about the sea
finish this poem about rain
correct my poem
make this joke funnier
make my poem shorter
continue the poem
count the words in the poem
another one
one more
more
hello
why?
Knock knock
knock, knock!
give me a poem to translate
list ten poems about rain
I need a title for my poem
find the metaphor in the poem
what is your opinion on practical jokes?
tell me a practical joke to play on my brother
write me a poem called Rain
what is the best joke book?
what is the best poem ever written?
can you rhyme?
do you know what a joke is?
can you explain a joke?
Can jokes be translated?
a poem has lines
Is there a joke in this text?
write an essay about poems
write a nursery rhyme
give me a Bible verse
write a song about rain
tell me a story
jokes are fun
poems
jokes
Poetry
poem analysis
joke: a man walks into a bar
how about poems by Goethe?
a joke is a joke
the joke about the snail
tell me a joke you like
what's a good joke to tell at work?
Write a poem about the thing we talked about
write a poem about rain in 50 words
I want to write a poem
I want to tell a joke
Can I tell you a joke?
may I read you a poem?
I need a joke for my speech
give me feedback on my poem
send the poem to Mia
read this poem
read my poem about rain
analyse the rhymes
find a rhyme for orange
show me how to write a haiku
do you remember the joke you told me?
you told me a joke
tell me something about the sea
tell me something
make me a sandwich
what is your favourite colour?
any questions about poems?
some poems are long
one poem was missing
write poems to a file
generate a poem dataset
a joke costs nothing
the best poem is short
give me the best poem in the file
"""


def lines(table: str) -> list[str]:
    return table.strip().splitlines()


@pytest.mark.parametrize("line", lines(JOKES))
def test_these_ask_for_a_joke(line: str):
    said, _, topic = line.partition(" -> ")
    topic, _, form = topic.partition("; ")
    assert wish_in(said) == Wish(companion="joke", topic=topic, form=form)


@pytest.mark.parametrize("line", lines(POEMS))
def test_these_ask_for_a_poem(line: str):
    said, _, topic = line.partition(" -> ")
    topic, _, form = topic.partition("; ")
    assert wish_in(said) == Wish(companion="poem", topic=topic, form=form)


@pytest.mark.parametrize("said", lines(NO_WISHES))
def test_these_are_for_the_model(said: str):
    assert wish_in(said) is None


ANOTHER = """
another one
One more!
more
tell me another one
another one please
haha, another one
good one! another one
next one
do you have another one?
encore!
any more?
got any more?
a funnier one
can i have another one?
one more please
do you know one about cats -> cats
and one about the sea -> the sea
how about one about rain? -> rain
what about another one about dogs -> dogs
"""
NOT_ANOTHER = """
one
tell me more
again
one more time
another day
another question
next question: what is 2+2
more details please
one of them
good one
thanks
tell me more about it
another one bites the dust
"""


@pytest.mark.parametrize("line", lines(ANOTHER))
@pytest.mark.parametrize("companion", ["joke", "poem"])
def test_another_one_is_of_what_was_told_last(line: str, companion):
    said, _, topic = line.partition(" -> ")
    assert wish_in(said, after=companion) == Wish(companion=companion, topic=topic, is_another=True)
    assert wish_in(said) is None


@pytest.mark.parametrize("said", lines(NOT_ANOTHER))
def test_these_do_not_ask_for_another_one(said: str):
    assert wish_in(said, after="joke") is None


@pytest.mark.parametrize(
    "said", ["Tell me a joke\nand then say bye", "tell me a joke " + "about cats " * 30, "", "\n", "🙂"]
)
def test_long_texts_and_several_lines_are_for_the_model(said: str):
    assert wish_in(said) is None


@pytest.mark.parametrize(
    "said", ["erzähl mir einen Witz", "cuéntame un chiste", "écris un poème sur la pluie", "讲个笑话"]
)
def test_other_languages_are_for_the_model(said: str):
    assert wish_in(said) is None


@pytest.mark.parametrize(
    "said",
    [
        "tell me " * 18,
        "please " * 22 + "x",
        "a really " * 17,
        "haha! " * 26 + "?",
        "can you please " + "now " * 30,
        "x" * 100_000,
    ],
)
def test_no_message_takes_long(said: str):
    began = time.process_time()
    assert wish_in(said, after="poem") is None
    assert time.process_time() - began < 0.2


def test_another_one_is_like_the_wish_before_it_and_like_none_of_the_other_companion():
    another = Wish(companion="poem", is_another=True)
    before = ["one more", "a haiku about snow", "tell me a joke about cats"]
    assert like_before(another, before) == Wish(companion="poem", is_another=True, form="haiku", like="snow")
    assert like_before(another, ["why?", *before[2:], *before]) == another
    assert like_before(another, []) == another
    about_dogs = Wish(companion="poem", is_another=True, topic="dogs")
    assert like_before(about_dogs, before) == about_dogs


def test_a_wish_behind_a_backslash_is_for_the_model():
    assert literal("\\tell me a joke") == "tell me a joke"
    assert literal("\\another one") == "another one"
    assert literal("tell me a joke") is None
    assert literal("\\alpha + \\beta") is None
    assert literal("\\") is None


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Wish(companion="joke"), "Tell me a joke."),
        (Wish(companion="joke", topic="cats", form="knock-knock"), "Tell me a knock-knock joke about cats."),
        (Wish(companion="poem", topic="rain"), "Write a short poem about rain."),
        (Wish(companion="poem", topic="my cat", form="haiku"), "Write a haiku about my cat."),
    ],
)
def test_a_wish_in_words_is_a_wish_again(wish: Wish, words: str):
    assert wish.in_words() == words
    assert wish_in(words) == wish
