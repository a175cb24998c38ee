"""Words that name an emotion outright, words that make it more or less, and common emoji: tables only.

Strengths are intensities: 1.0 is the plain word ("angry"), below it the milder ones ("annoyed" 0.6), above it the
stronger ones ("furious" 1.35). Inflected forms are found by `emotion_text`, so one form of each word is enough.
"""

from __future__ import annotations

# class -> strength -> words
# fmt: off
WORDS: dict[str, dict[float, str]] = {
    "anger": {
        0.6: "annoyed irritated irked vexed testy impatient grumpy cranky grouchy grumbling displeased tetchy "
        "bothered peeved miffed disgruntled moody snappy touchy sulky irritable nettled grumble annoyance "
        "provoked irritation impatience displeasure stern",
        0.85: "frustrated exasperated cross resentful aggravated agitated indignant bitter offended complaining "
        "quarrelsome frustration exasperation resentment indignation jealous envious ill-tempered "
        "bad-tempered short-tempered argumentative confrontational",
        1.0: "angry anger mad hostile aggressive irate ffs scolding shouting yelling argue arguing argument "
        "quarrel snarling growling temper hostility aggression threatening vengeful revenge menacing "
        "combative wroth defiant belligerent antagonistic glaring scowling scowl glare heated hate hatred "
        "spiteful",
        1.35: "furious fury rage raging enraged livid seething outraged outrage wrath wrathful incensed "
        "infuriated fuming irascible ferocious murderous apoplectic berserk screaming explosive violent "
        "boiling",
    },
    "contempt": {
        0.7: "wry ironic irony sceptical skeptical unimpressed sardonic dry snide dismissive smirk smirking "
        "know-it-all supercilious aloof snooty",
        1.0: "contempt contemptuous disdain disdainful scorn scornful smug sneer sneering sarcastic sarcasm "
        "cynical cynic mocking mock mockery condescending condescension patronising patronizing arrogant "
        "arrogance haughty snobbish snob derisive derision ridicule ridiculing disrespectful disrespect "
        "belittling superior scoff scoffing jeering taunting gloating conceited vain pompous "
        "self-satisfied insolent holier-than-thou elitist stuck-up judgmental judgemental bigheaded "
        "imperious jaded pathetic beneath despise despising smugness",
    },
    "disgust": {
        0.6: "queasy squeamish distaste unappetising unappetizing icky distasteful",
        1.0: "disgust disgusted disgusting gross revolted revolting revulsion repulsed repulsive repelled "
        "nauseated nauseous nausea sickened sickening yuck yucky ew eww ugh vile foul stench stinking "
        "filthy slimy loathing loathe aversion repugnant rancid putrid rotten rotting mouldy moldy vomit "
        "vomiting puke barf gag gagging retch retching bleh blech nasty maggots stinks stinky abhorrence "
        "grossed appalled detestable grimace grimacing disgustingly repulsion",
    },
    "fear": {
        0.6: "nervous uneasy worried worry apprehensive tense timid shy hesitant insecure unsettled concerned "
        "jumpy restless edgy wary unsure fragile exposed powerless inadequate jittery nervousness unease "
        "tentative bashful fidgety stressed worrying",
        0.9: "anxious anxiety alarmed dread dreading paranoid distressed intimidated threatened trembling "
        "shaking vulnerable alarm quivering",
        1.0: "fear fearful afraid scared frightened fright scary spooked cowering haunted frightening",
        1.35: "terrified terror petrified panic panicking panicked panicky horrified horror hysterical "
        "terror-stricken panic-stricken horror-struck aghast terrifying",
    },
    "happiness": {
        0.6: "content contented pleased satisfied amused hopeful friendly gentle kind polite relieved "
        "comfortable grateful thankful sympathetic reassuring cosy peaceful serene contentment amusement "
        "relief gratitude good-natured encouraging compassionate caring confident optimistic hope soft "
        "pleasant wholesome mellow appreciated valued accepted trusting courageous inspiring nice sweet",
        0.85: "cheerful glad smile smiling upbeat warm playful affectionate tender loving fond proud pride "
        "lively silly mischievous cheeky flirty flirtatious humorous funny witty enthusiastic eager "
        "inspired charming enthusiasm chipper optimism bright bubbly sunny welcoming fun good-humoured "
        "lighthearted light-hearted carefree cheer jovial jolly love romantic energetic spirited "
        "vivacious chuckling chuckle cute grin motivated great wonderful lovely fantastic joking joke "
        "congratulations motherly seductive",
        1.0: "happy happiness joy joyful joyous delighted delight excited excitement merry laughing laugh "
        "laughter celebrating celebration grinning beaming glowing radiant giggly giggling giggle gleeful "
        "glee blissful enjoying cheering yay hooray haha lol lmao rofl hyped comedian comedy",
        1.35: "ecstatic ecstasy overjoyed thrilled elated euphoric euphoria jubilant exhilarated exuberant "
        "exultant rapturous blissed triumphant",
    },
    "neutral": {
        1.0: "neutral calm expressionless emotionless unemotional deadpan blank indifferent indifference plain "
        "default normal ordinary stoic impassive composed poker-faced matter-of-fact factual objective "
        "businesslike professional flat monotone robotic even-tempered level-headed detached "
        "dispassionate newsreader newscaster relaxed steady formal serious impartial apathetic poised "
        "unaffected inexpressive neutrally balanced straight-faced controlled normally everyday collected "
        "unfazed unmoved",
    },
    "sadness": {
        0.6: "down blue gloomy disappointed wistful melancholy melancholic unhappy regretful regret nostalgic "
        "pensive low glum homesick tired weary discouraged dejected disheartened downcast sombre somber "
        "bored disappointment resigned apologetic sorry forlorn subdued listless bummed exhausted "
        "let-down dispirited downhearted nostalgia worn-out disillusioned pity",
        1.0: "sad sadness sorrow sorrowful lonely crying cry tearful tears teary hurt depressed depression "
        "rejected mournful mourning grieving guilty guilt ashamed shame miserable misery hopeless pitiful "
        "woeful defeated remorseful remorse apology apologise apologize apologising apologizing "
        "victimised victimized weeping weepy heavy-hearted loneliness gloom melancholia desolate bereaved "
        "funeral tragic humiliated humiliation betrayed isolated excluded worthless empty pained helpless "
        "abandoned upset despondent anguish anguished suffering",
        1.35: "devastated heartbroken sobbing inconsolable despair despairing grief grief-stricken crushed "
        "distraught suicidal broken-hearted wailing shattered",
    },
    "surprise": {
        0.7: "puzzled curious perplexed confused quizzical intrigued bemused baffled bewildered wondering "
        "confusion bewilderment unexpected",
        1.0: "surprise surprised surprising startled astonished amazed astonishment amazement disbelief "
        "incredulous unbelievable wow whoa gasp gasping speechless awe awed awestruck wide-eyed wtf shook "
        "wonder gobsmacked flabbergasted stupefied unexpectedly omg incredible startling what",
        1.35: "shocked shock stunned astounded dumbfounded thunderstruck dumbstruck mind-blown shocking "
        "astounding",
    },
}

# Words that are honestly two things: word -> (strength, weights)
BLENDS: dict[str, tuple[float, dict[str, float]]] = {
    "wry": (0.7, {"contempt": 0.65, "happiness": 0.35}),
    "smirk": (0.8, {"contempt": 0.75, "happiness": 0.25}),
    "nostalgic": (0.6, {"sadness": 0.65, "happiness": 0.35}),
    "nostalgia": (0.6, {"sadness": 0.65, "happiness": 0.35}),
    "bittersweet": (0.7, {"sadness": 0.55, "happiness": 0.45}),
    "wistful": (0.6, {"sadness": 0.75, "happiness": 0.25}),
    "jealous": (0.85, {"anger": 0.6, "sadness": 0.4}),
    "envious": (0.8, {"anger": 0.55, "sadness": 0.45}),
    "horrified": (1.3, {"fear": 0.75, "disgust": 0.25}),
    "aghast": (1.3, {"fear": 0.5, "surprise": 0.5}),
    "alarmed": (0.9, {"fear": 0.75, "surprise": 0.25}),
    "startled": (0.95, {"surprise": 0.7, "fear": 0.3}),
    "awe": (0.9, {"surprise": 0.7, "happiness": 0.3}),
    "awestruck": (1.0, {"surprise": 0.75, "happiness": 0.25}),
    "amused": (0.65, {"happiness": 1.0}),
    "bemused": (0.6, {"surprise": 0.6, "contempt": 0.4}),
    "embarrassed": (0.8, {"sadness": 0.5, "fear": 0.3, "happiness": 0.2}),
    "awkward": (0.6, {"fear": 0.6, "sadness": 0.4}),
    "loathing": (1.1, {"disgust": 0.6, "contempt": 0.25, "anger": 0.15}),
    "hate": (1.2, {"anger": 0.75, "disgust": 0.25}),
    "hatred": (1.3, {"anger": 0.75, "disgust": 0.25}),
    "distraught": (1.3, {"sadness": 0.7, "fear": 0.3}),
    "distressed": (0.95, {"fear": 0.55, "sadness": 0.45}),
    "upset": (0.85, {"sadness": 0.6, "anger": 0.4}),
    "hysterical": (1.35, {"fear": 0.7, "sadness": 0.3}),
    "frustrated": (0.8, {"anger": 0.85, "sadness": 0.15}),
    "frustration": (0.8, {"anger": 0.85, "sadness": 0.15}),
    "disgruntled": (0.6, {"anger": 0.8, "contempt": 0.2}),
    "relieved": (0.7, {"happiness": 0.85, "neutral": 0.15}),
    "serious": (0.9, {"neutral": 0.85, "anger": 0.15}),
    "tired": (0.6, {"sadness": 0.6, "neutral": 0.4}),
    "weary": (0.6, {"sadness": 0.65, "neutral": 0.35}),
    "exhausted": (0.7, {"sadness": 0.7, "neutral": 0.3}),
    "bored": (0.6, {"sadness": 0.5, "neutral": 0.3, "contempt": 0.2}),
    "stern": (0.7, {"anger": 0.7, "neutral": 0.3}),
    "shouting": (1.1, {"anger": 1.0}),
    "screaming": (1.3, {"anger": 0.55, "fear": 0.45}),
    "scream": (1.3, {"anger": 0.5, "fear": 0.5}),
    "moody": (0.6, {"anger": 0.6, "sadness": 0.4}),
    "bitter": (0.85, {"anger": 0.7, "sadness": 0.3}),
    "sorry": (0.7, {"sadness": 1.0}),
    "curious": (0.5, {"surprise": 0.7, "happiness": 0.3}),
    "confused": (0.6, {"surprise": 0.75, "fear": 0.25}),
    "disbelief": (1.0, {"surprise": 1.0}),
    "mischievous": (0.8, {"happiness": 0.8, "contempt": 0.2}),
    "thoughtful": (0.7, {"neutral": 0.8, "sadness": 0.2}),
    "desperate": (1.1, {"fear": 0.5, "sadness": 0.5}),
    "stressed": (0.7, {"fear": 0.65, "anger": 0.35}),
    "interested": (0.6, {"neutral": 0.4, "happiness": 0.4, "surprise": 0.2}),
    "inquisitive": (0.5, {"surprise": 0.7, "happiness": 0.3}),
    "determined": (0.8, {"neutral": 0.6, "anger": 0.2, "happiness": 0.2}),
    "resolute": (0.8, {"neutral": 0.7, "anger": 0.15, "happiness": 0.15}),
    "suspicious": (0.8, {"contempt": 0.4, "fear": 0.4, "anger": 0.2}),
    "critical": (0.7, {"contempt": 0.7, "anger": 0.3}),
    "disapproving": (0.8, {"contempt": 0.6, "anger": 0.2, "disgust": 0.2}),
    "passive-aggressive": (0.8, {"contempt": 0.6, "anger": 0.4}),
    "passive aggressive": (0.8, {"contempt": 0.6, "anger": 0.4}),
    "betrayed": (1.1, {"anger": 0.5, "sadness": 0.5}),
    "dismayed": (0.9, {"sadness": 0.5, "surprise": 0.5}),
    "cringe": (0.7, {"contempt": 0.5, "disgust": 0.5}),
    "meh": (0.5, {"neutral": 0.6, "contempt": 0.25, "sadness": 0.15}),
    "chill": (0.7, {"neutral": 0.7, "happiness": 0.3}),
    "laid-back": (0.7, {"neutral": 0.7, "happiness": 0.3}),
    "salty": (0.6, {"anger": 0.7, "sadness": 0.3}),
    "hangry": (0.8, {"anger": 1.0}),
    "facepalm": (0.8, {"contempt": 0.6, "sadness": 0.25, "anger": 0.15}),
    "whining": (0.8, {"sadness": 0.6, "anger": 0.4}),
    "overwhelmed": (1.0, {"fear": 0.5, "sadness": 0.5}),
    "what": (0.3, {"surprise": 1.0}),
}

# Idioms of several words, matched before single words; some hold a "not" that negates nothing.
PHRASES: dict[str, tuple[float, dict[str, float]]] = {
    "dead inside": (0.7, {"sadness": 0.6, "neutral": 0.4}),
    "news anchor": (1.0, {"neutral": 1.0}),
    "over the moon": (1.35, {"happiness": 1.0}),
    "on cloud nine": (1.35, {"happiness": 1.0}),
    "in seventh heaven": (1.35, {"happiness": 1.0}),
    "on top of the world": (1.3, {"happiness": 1.0}),
    "could not be happier": (1.35, {"happiness": 1.0}),
    "never been happier": (1.35, {"happiness": 1.0}),
    "can not wait": (1.0, {"happiness": 1.0}),
    "not bad": (0.6, {"happiness": 0.7, "neutral": 0.3}),
    "in love": (1.0, {"happiness": 1.0}),
    "in a good mood": (0.9, {"happiness": 1.0}),
    "good mood": (0.9, {"happiness": 1.0}),
    "good news": (0.9, {"happiness": 1.0}),
    "tongue in cheek": (0.6, {"happiness": 0.6, "contempt": 0.4}),
    "tears of joy": (1.3, {"happiness": 0.9, "sadness": 0.1}),
    "burst out laughing": (1.3, {"happiness": 1.0}),
    "fed up": (0.9, {"anger": 1.0}),
    "pissed off": (1.1, {"anger": 1.0}),
    "ticked off": (0.8, {"anger": 1.0}),
    "bad mood": (0.8, {"anger": 0.8, "sadness": 0.2}),
    "foul mood": (0.9, {"anger": 1.0}),
    "lose my temper": (1.1, {"anger": 1.0}),
    "out for blood": (1.35, {"anger": 1.0}),
    "can not stand": (1.1, {"anger": 0.7, "disgust": 0.3}),
    "how dare": (1.1, {"anger": 1.0}),
    "gritted teeth": (1.0, {"anger": 1.0}),
    "clenched jaw": (1.0, {"anger": 1.0}),
    "clenched teeth": (1.0, {"anger": 1.0}),
    "teeth bared": (1.1, {"anger": 1.0}),
    "bared teeth": (1.1, {"anger": 1.0}),
    "seeing red": (1.3, {"anger": 1.0}),
    "off the hook": (0.7, {"happiness": 1.0}),
    "looking down on": (1.0, {"contempt": 1.0}),
    "looks down on": (1.0, {"contempt": 1.0}),
    "look down on": (1.0, {"contempt": 1.0}),
    "talking down to": (1.0, {"contempt": 1.0}),
    "could not care less": (1.0, {"contempt": 0.8, "neutral": 0.2}),
    "not impressed": (0.8, {"contempt": 1.0}),
    "eye roll": (0.9, {"contempt": 1.0}),
    "eye rolling": (0.9, {"contempt": 1.0}),
    "rolling eyes": (0.9, {"contempt": 1.0}),
    "rolls eyes": (0.9, {"contempt": 1.0}),
    "full of himself": (1.0, {"contempt": 1.0}),
    "full of herself": (1.0, {"contempt": 1.0}),
    "making fun of": (1.0, {"contempt": 1.0}),
    "throw up": (1.2, {"disgust": 1.0}),
    "throwing up": (1.2, {"disgust": 1.0}),
    "sick to my stomach": (1.1, {"disgust": 1.0}),
    "wrinkled nose": (1.0, {"disgust": 1.0}),
    "nose wrinkled": (1.0, {"disgust": 1.0}),
    "bad smell": (0.9, {"disgust": 1.0}),
    "bitter taste": (0.8, {"disgust": 1.0}),
    "bitter medicine": (0.8, {"disgust": 1.0}),
    "off putting": (0.7, {"disgust": 1.0}),
    "gone off": (0.9, {"disgust": 1.0}),
    "do not hurt": (1.1, {"fear": 1.0}),
    "do not kill": (1.3, {"fear": 1.0}),
    "do not shoot": (1.3, {"fear": 1.0}),
    "scared out of": (1.35, {"fear": 1.0}),
    "scared to death": (1.35, {"fear": 1.0}),
    "scared stiff": (1.35, {"fear": 1.0}),
    "worried sick": (1.2, {"fear": 1.0}),
    "on edge": (0.7, {"fear": 1.0}),
    "stage fright": (0.9, {"fear": 1.0}),
    "cold sweat": (1.0, {"fear": 1.0}),
    "freaked out": (1.1, {"fear": 1.0}),
    "freaking out": (1.2, {"fear": 1.0}),
    "cold feet": (0.7, {"fear": 1.0}),
    "down in the dumps": (0.9, {"sadness": 1.0}),
    "heavy heart": (1.0, {"sadness": 1.0}),
    "broken heart": (1.3, {"sadness": 1.0}),
    "in tears": (1.1, {"sadness": 1.0}),
    "let down": (0.8, {"sadness": 1.0}),
    "passed away": (1.1, {"sadness": 1.0}),
    "choked up": (1.0, {"sadness": 1.0}),
    "lump in the throat": (0.9, {"sadness": 1.0}),
    "under the weather": (0.6, {"sadness": 0.7, "neutral": 0.3}),
    "no way": (1.0, {"surprise": 1.0}),
    "no idea": (0.8, {"surprise": 1.0}),
    "no clue": (0.8, {"surprise": 1.0}),
    "can not believe": (1.0, {"surprise": 1.0}),
    "could not believe": (1.0, {"surprise": 1.0}),
    "did not expect": (0.9, {"surprise": 1.0}),
    "never expected": (0.9, {"surprise": 1.0}),
    "not expecting": (0.9, {"surprise": 1.0}),
    "did not see": (0.9, {"surprise": 1.0}),
    "out of nowhere": (0.9, {"surprise": 1.0}),
    "taken aback": (1.0, {"surprise": 1.0}),
    "off guard": (1.0, {"surprise": 1.0}),
    "jaw drop": (1.2, {"surprise": 1.0}),
    "jaw dropped": (1.2, {"surprise": 1.0}),
    "mind blown": (1.3, {"surprise": 1.0}),
    "blown away": (1.2, {"surprise": 0.8, "happiness": 0.2}),
    "lost for words": (1.0, {"surprise": 1.0}),
    "oh my god": (1.1, {"surprise": 1.0}),
    "for real": (0.7, {"surprise": 1.0}),
    "poker face": (1.0, {"neutral": 1.0}),
    "straight face": (1.0, {"neutral": 1.0}),
    "no emotion": (1.0, {"neutral": 1.0}),
    "no feeling": (1.0, {"neutral": 1.0}),
    "no expression": (1.0, {"neutral": 1.0}),
    "no particular emotion": (1.0, {"neutral": 1.0}),
    "without emotion": (1.0, {"neutral": 1.0}),
    "without any emotion": (1.0, {"neutral": 1.0}),
    "without expression": (1.0, {"neutral": 1.0}),
    "matter of fact": (1.0, {"neutral": 1.0}),
    "at rest": (1.0, {"neutral": 1.0}),
}

# Degree words: factor on the intensity of what they stand before (or, at the end of a clause, after).
DEGREES: dict[str, float] = {
    "barely perceptible": 0.3, "barely": 0.3, "hardly": 0.3, "scarcely": 0.3, "ever so slightly": 0.35,
    "ever so": 0.45, "a tiny bit": 0.35, "tiny bit": 0.35, "a wee bit": 0.4, "wee bit": 0.4, "a wee": 0.4,
    "the slightest": 0.35, "slightest": 0.35, "faint": 0.4, "faintly": 0.4, "vaguely": 0.45, "vague": 0.45,
    "slight": 0.45, "slightly": 0.45, "a hint of": 0.4, "hint of": 0.4, "a trace of": 0.4, "trace of": 0.4,
    "a touch of": 0.45, "just a touch": 0.4, "a touch": 0.45, "a shade": 0.45, "a dash of": 0.45,
    "an air of": 0.6, "a tad": 0.45, "tad": 0.45, "just a little": 0.4, "a little": 0.5, "little bit": 0.5,
    "a little bit": 0.5, "a bit of": 0.5, "a bit": 0.5, "bit": 0.5, "mild": 0.5, "mildly": 0.5, "subtle": 0.5,
    "subtly": 0.5, "quietly": 0.7, "gently": 0.7, "lightly": 0.5, "softly": 0.7, "kind of": 0.6, "kinda": 0.6,
    "sort of": 0.6, "sorta": 0.6, "somewhat": 0.6, "partly": 0.6, "half": 0.6, "moderately": 0.75,
    "moderate": 0.75, "fairly": 0.8, "mostly": 0.85, "reasonably": 0.75, "rather": 0.85, "quite": 0.9,
    "pretty": 0.9, "more or less": 0.75, "less": 0.7, "more": 1.15, "visibly": 1.1, "clearly": 1.1,
    "really": 1.25, "very": 1.25, "so": 1.2, "truly": 1.25, "strongly": 1.3, "strong": 1.25, "highly": 1.25,
    "deeply": 1.3, "deep": 1.2, "much": 1.15, "too": 1.15, "very very": 1.35, "seriously": 1.2, "super": 1.3,
    "big": 1.15, "great big": 1.25, "hugely": 1.35, "huge": 1.3, "terribly": 1.35, "awfully": 1.3,
    "incredibly": 1.35, "intensely": 1.4, "intense": 1.3, "extremely": 1.4, "extreme": 1.4, "tremendously": 1.35,
    "immensely": 1.4, "exceedingly": 1.35, "enormously": 1.4, "insanely": 1.4, "wildly": 1.4, "madly": 1.35,
    "absolutely": 1.35, "completely": 1.35, "totally": 1.35, "utterly": 1.4, "utter": 1.4, "thoroughly": 1.3,
    "overwhelmingly": 1.45, "overwhelming": 1.4, "overwhelmed by": 1.35, "overwhelmed with": 1.35,
    "paralysed with": 1.4, "paralyzed with": 1.4, "paralysed by": 1.4, "paralyzed by": 1.4,
    "out of control": 1.4, "uncontrollably": 1.4, "beyond words": 1.4, "as hell": 1.35, "to death": 1.4,
    "dripping with": 1.35, "bursting with": 1.4, "full of": 1.25, "filled with": 1.25, "consumed by": 1.4,
    "mad with": 1.35, "wild with": 1.35, "crazy with": 1.35, "shaking with": 1.35, "trembling with": 1.35,
    "crying with": 1.3, "overcome with": 1.4, "overcome by": 1.4, "beside himself with": 1.4, "sick with": 1.3,
    "beside herself with": 1.4, "speechless with": 1.3, "seized by": 1.35, "consumed with": 1.4, "tears of": 1.2,
    "boiling over with": 1.4, "fucking": 1.35, "bloody": 1.25, "damn": 1.2, "hopping": 1.3,
}

# Words that turn the next emotion word around.
NEGATIONS = (
    "no longer", "not", "no", "never", "without", "nor", "neither", "nothing", "none of", "not at all", "non",
    "anything but", "far from", "free of", "lacking", "lack of", "not feeling", "not in the least", "stop being",
    "stopped being", "avoid", "not even",
)

# Where a negated emotion goes: mostly neutral, a little of what people mean by "not happy".
OPPOSITES: dict[str, dict[str, float]] = {
    "anger": {"neutral": 0.85, "happiness": 0.15},
    "contempt": {"neutral": 0.85, "happiness": 0.15},
    "disgust": {"neutral": 0.95, "happiness": 0.05},
    "fear": {"neutral": 0.85, "happiness": 0.15},
    "happiness": {"neutral": 0.42, "sadness": 0.58},
    "neutral": {"surprise": 0.4, "anger": 0.3, "happiness": 0.3},
    "sadness": {"neutral": 0.8, "happiness": 0.2},
    "surprise": {"neutral": 1.0},
}

EMOJI: dict[str, str] = {
    "😀😃😄😁😆😂🤣": " laughing ", "🙂😊☺😌😇": " smiling ", "😍🥰😘❤💕💖": " loving ", "🎉🥳🎊": " celebrating ",
    "😉😜😝😛🤪": " playful ", "🤗": " affectionate ", "😎💪": " confident ", "🤩": " thrilled ", "😂🤣": " laughing ",
    "😐😑😶🤖": " neutral ", "🤨🧐": " sceptical ", "😏": " smirk ", "🙄": " eye roll ", "😒": " unimpressed ",
    "😠": " angry ", "😡🤬👿💢": " furious ", "😤": " indignant ", "😢☹🙁😞😔🥺": " sad ", "😭💔": " heartbroken ",
    "😥😓": " worried ", "😟😕": " uneasy ", "😴🥱😪😩😫": " tired ", "😨😰😧": " scared ", "😱": " terrified ",
    "😳": " embarrassed ", "😬": " nervous ", "🤢": " disgusted ", "🤮": " vomiting ", "😮😯😲": " surprised ",
    "🤯": " mind blown ", "🤔": " thoughtful ", "😋": " pleased ", "👎": " displeased ", "👍": " pleased ",
}
