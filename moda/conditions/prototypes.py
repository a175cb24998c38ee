"""What each emotion sounds like in plain English: the sentences that free text is compared with.

Each class of MoDA has three lists, by how strongly a person feels it: mild (intensity 0.55), plain (1.0) and
strong (1.35). They mix four ways of describing a performance, because people prompt in all four: a mood ("in a
foul temper"), a face ("lips pressed together"), a line of speech ("get out of my house"), and a situation ("the
airline lost the luggage again"). All of them were written for this project; none is a test prompt.

`prototypes.npz` holds their embeddings; `python -m moda.conditions.prototypes` rebuilds it after an edit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

SHIPPED = Path(__file__).with_name("prototypes.npz")

MILD, PLAIN, STRONG = 0.55, 1.0, 1.35

PROTOTYPES: dict[str, dict[float, tuple[str, ...]]] = {
    "anger": {
        MILD: (
            "a little annoyed", "slightly irritated", "vexed by a small delay", "getting impatient in the queue",
            "mild displeasure at bad service", "bothered by the neighbour's music", "a touch testy this morning",
            "grumbling about the paperwork", "complaining about the late bus",
        ),
        PLAIN: (
            "an angry person", "speaking angrily", "in a foul temper", "cross and hostile",
            "brows lowered, lips pressed together, hard stare", "gritting her teeth and frowning hard",
            "scolding a child for lying", "quarrelling with a neighbour", "an argument that gets heated",
            "the boss is telling off an employee", "get out of my house", "this is unfair and I will not accept it",
            "you broke your promise again", "leave me alone", "I have had enough of your excuses",
            "stop lying to me", "who do you think you are talking to", "somebody scratched my new bike",
            "the airline lost the luggage again and nobody helps", "a driver cut me off on the motorway",
            "frustrated because nothing works", "offended by a rude remark", "resentful and bitter about the deal",
            "jealous of a rival", "threatening an enemy", "a strict commander shouting orders",
            "an aggressive protest speech", "betrayed by a business partner", "accusing someone of cheating",
            "in a bad mood, grouchy and irritable", "stern and confrontational", "irate caller complaining",
        ),
        STRONG: (
            "furious, beside himself with rage", "screaming in fury", "exploding with anger, red in the face",
            "I hate you, I will kill you", "wild uncontrollable wrath", "so mad that he smashes the plates",
            "bellowing with rage at the enemy", "she flew into a violent temper", "incensed and out for revenge",
        ),
    },
    "contempt": {
        MILD: (
            "slightly sarcastic", "a dry, ironic remark", "a wry little smirk", "a bit condescending",
            "not very impressed", "mild scepticism about his story", "a faint sneer", "teasing in a superior way",
            "a trace of irony in the voice",
        ),
        PLAIN: (
            "a contemptuous person", "speaking with contempt", "disdainful of the lower ranks",
            "a smirk with one side of the mouth", "lip corner pulled up on one side", "eyes rolled in disdain",
            "chin lifted, looking down the nose at them", "one eyebrow raised in mockery",
            "a snob talking about cheap wine", "an arrogant prince addressing peasants",
            "ridiculing an opponent in a debate", "making fun of a foolish rival", "mocking and cynical",
            "patronising a beginner", "talking down to the staff", "is that the best you can do",
            "how adorable that you tried", "I expected nothing from you and you still failed",
            "you are not in my league", "I would never lower myself to that", "what a ridiculous little man",
            "your opinion means nothing to me", "spare me your pathetic excuses", "amateurs, all of them",
            "I could not care less what they think", "smug after proving everyone wrong", "scornful of weakness",
            "an elitist who finds everyone stupid", "dismissing a silly suggestion", "belittling a colleague",
            "gloating over a beaten rival", "self-satisfied and superior", "sarcastic applause",
            "a villain who despises the hero", "a cynical reviewer tearing apart a boring play",
            "vain and full of himself", "dismissive of the critics' comments", "insolent and disrespectful",
        ),
        STRONG: (
            "utter contempt for the traitor", "complete disdain, they are worms to me",
            "sneering with total scorn", "insufferably arrogant and superior", "you are worthless and laughable",
            "withering scorn for such idiots", "deep contempt, beneath notice", "despising them with every word",
        ),
    },
    "disgust": {
        MILD: (
            "a little grossed out", "slightly put off by the food", "mild distaste", "a bit queasy",
            "not fond of the slimy texture", "the soup tastes odd", "finding it somewhat unappetising",
            "a faint bad smell in the room",
        ),
        PLAIN: (
            "a disgusted person", "speaking with disgust", "nose wrinkled, upper lip raised, tongue out",
            "grimacing at a bad smell", "turning away from something gross", "feeling sick to the stomach",
            "gagging on rotten meat", "that is gross, I am not touching it", "ugh, this tastes awful",
            "yuck, something is crawling in the salad", "the fridge stinks of old cheese",
            "finding a worm in the apple", "a fly fell into the drink", "cleaning up somebody's vomit",
            "a dirty public lavatory", "rats running through the kitchen", "spit on the table",
            "an infected wound full of pus", "the smell of garbage in summer", "stale sweat and dirty socks",
            "mouldy leftovers covered in fuzz", "swallowing spoiled yoghurt", "unwashed hands in the food",
            "the butter is rancid", "a slug on the lettuce", "grossed out by the slime", "revolted and repelled",
            "nauseous after the smell", "an unpleasant, sickening taste", "a nasty greasy mess",
            "somebody sneezed on my sandwich", "aversion to insects on the plate", "that makes me want to puke",
            "the blocked drain smells horrible", "a repulsive, filthy place", "chewing something bitter and foul",
        ),
        STRONG: (
            "completely revolted, about to be sick", "retching at the stench of a corpse",
            "the most disgusting thing imaginable", "overwhelming nausea and revulsion",
            "vomiting after the rotten oysters", "utterly sickened by the filth", "abhorrent, absolutely vile",
        ),
    },
    "fear": {
        MILD: (
            "a bit nervous", "slightly worried", "a little uneasy", "shy and hesitant", "somewhat tense",
            "butterflies in the stomach before a talk", "unsure whether it is safe", "mild concern about tomorrow",
            "insecure and tentative", "fidgeting while waiting", "wary of strangers",
        ),
        PLAIN: (
            "a frightened person", "speaking fearfully", "scared and anxious", "eyes wide, lips stretched, tense",
            "trembling voice, pale face", "swallowing hard and looking around", "afraid of the dark",
            "worried about losing the job", "anxious about the operation", "waiting for a medical diagnosis",
            "nervous before the interview", "terrified of heights", "alone at night in an empty house",
            "a stranger is watching me", "a strange noise behind the door", "somebody is trying the door handle",
            "a spider on the pillow", "a growling dog comes closer", "lost in the forest after sunset",
            "the car skids on the ice", "the ship is sinking", "an earthquake shakes the building",
            "being chased by a killer", "hiding from the gunman", "please, do not let him find us",
            "please do not shoot", "we have to get out of here", "what if something happens to the children",
            "a nightmare about a ghost", "warning of danger", "threatened by a bully",
            "timid in front of the crowd", "intimidated by the judge", "pleading for his life", "stressed and tense",
            "haunted house", "a suspicious package at the station",
        ),
        STRONG: (
            "terrified, screaming for help", "in a blind panic", "frozen with horror", "fearing for her life",
            "scared to death", "hysterical with fear", "mortal terror as the monster attacks",
            "we are all going to die", "shaking uncontrollably with dread",
        ),
    },
    "happiness": {
        MILD: (
            "quietly content", "a faint smile", "mildly amused", "a little pleased", "peacefully satisfied",
            "gently hopeful", "pleasant and polite", "a friendly hello", "a soft, kind look", "comfortable and cosy",
            "reasonably satisfied", "reassuring and sympathetic",
        ),
        PLAIN: (
            "a happy person", "speaking happily", "cheeks raised, corners of the mouth up, smiling eyes",
            "a broad smile", "cheerful and lively", "amused by a joke", "chuckling at a funny story",
            "glad to meet an old friend", "pleased with the present", "proud of the team", "proud of my son",
            "grateful for the help", "thank you so much, that is wonderful", "relieved that it went well",
            "hopeful about the future", "fond and affectionate", "falling in love", "a romantic evening together",
            "playing with a puppy", "a child opening birthday presents", "on holiday at the beach",
            "we are going to have a baby", "they said yes and we are getting married", "I passed the exam",
            "our team scored the winning goal", "welcome, it is so good to see you", "congratulations, well done",
            "what beautiful weather", "a merry christmas party", "an upbeat radio host",
            "enthusiastic about the new product", "a warm and charming hostess", "laughing with friends",
            "playful teasing between friends", "good news, the treatment worked", "flirting with a smile",
            "self-assured and positive", "inspired and motivated", "dancing and singing", "delicious cake",
            "eager and looking forward to the weekend", "telling a funny anecdote", "cheeky and full of fun",
        ),
        STRONG: (
            "ecstatic, jumping for joy", "overjoyed", "laughing out loud, tears of laughter",
            "this is the best day of my life", "we won the lottery", "thrilled beyond words",
            "euphoric and elated", "wildly happy, beaming with delight", "in raptures, absolute bliss",
        ),
    },
    "neutral": {
        MILD: ("mostly neutral", "fairly calm", "rather matter of fact", "reserved", "a bit formal"),
        PLAIN: (
            "a neutral person", "speaking neutrally", "no expression on the face", "showing no emotion",
            "a face at rest, muscles relaxed", "calm and steady voice", "an even, level tone",
            "a newsreader announcing the headlines", "a lecturer explaining a theorem",
            "an instructor describing the procedure", "reading a list of numbers", "reading the manual aloud",
            "an announcement at the railway station", "giving directions to the town hall",
            "the meeting starts at nine in room four", "the report has twelve pages", "the train leaves at ten",
            "press the green button to continue", "an ordinary everyday talk", "speaking normally",
            "formal and businesslike", "objective and factual", "indifferent and detached", "serious and focused",
            "a blank stare", "a poker face", "emotionless like a machine", "dispassionate and impartial",
            "standard, default, plain delivery", "composed and collected", "an accountant presenting figures",
            "a documentary narrator", "a monotone voice", "not feeling anything in particular", "just so-so",
            "a passport photograph", "listening attentively", "thinking about a sum", "a tutorial on spreadsheets",
            "the weather tomorrow: cloudy with some rain", "minutes of the committee meeting",
            "cool, controlled, professional", "balanced and level-headed", "patient and unhurried",
        ),
        STRONG: ("completely expressionless", "absolutely no feeling at all", "utterly impassive, like stone"),
    },
    "sadness": {
        MILD: (
            "a little down", "slightly disappointed", "a bit blue", "somewhat gloomy", "wistful and pensive",
            "tired and low", "mildly regretful", "feeling nostalgic about old times", "a sigh of resignation",
            "bored and listless", "a trace of melancholy",
        ),
        PLAIN: (
            "a sad person", "speaking sadly", "inner brows raised, corners of the mouth down", "eyes full of tears",
            "crying softly", "looking down with a heavy heart", "lonely and forgotten", "homesick abroad",
            "grieving for her father", "a speech at a burial", "my cat died this morning",
            "he will never come back", "I lost my best friend", "we have to say farewell", "I miss my mother",
            "she broke up with me", "nobody came to my birthday", "I failed and let everyone down",
            "I am so sorry, it was my fault", "all hope is gone", "unhappy with my life", "disappointed by the result",
            "rejected and hurt", "ashamed and guilty", "depressed and without energy", "exhausted and defeated",
            "a sombre memorial service", "the hospital could not save him", "a refugee who lost her home",
            "a tragic love story", "a mournful song", "dejected after losing the final", "pity for the orphans",
            "a voice breaking with sorrow", "resigned and discouraged", "gloomy weather and gloomy thoughts",
            "the soldiers who did not return", "saying sorry with tears", "heavy-hearted and silent",
        ),
        STRONG: (
            "devastated, sobbing", "overcome with grief", "utter despair", "weeping bitterly at the grave",
            "heart torn to pieces", "in deep depression, no reason to live", "wailing over the body of a child",
            "crushed by unbearable sorrow",
        ),
    },
    "surprise": {
        MILD: (
            "a little surprised", "slightly taken by surprise", "mildly puzzled", "a bit curious",
            "oh, I see", "hm, that is unexpected", "raising the eyebrows a little", "somewhat confused",
        ),
        PLAIN: (
            "a surprised person", "speaking with surprise", "eyebrows raised high, eyes wide, mouth open",
            "mouth falls open", "gasping at the news", "startled by a sudden noise", "astonished and amazed",
            "amazed by a conjuring trick", "an unexpected visitor at the door", "a surprise party",
            "what a surprise", "oh wow, really", "wait, is that true", "no way, are you serious",
            "I did not see that coming", "I had no clue", "how is that even possible", "you must be kidding",
            "he said what", "since when do you have a twin brother", "that changes everything",
            "that was sudden", "it turned out completely different from what we thought", "an incredible coincidence",
            "bewildered by the outcome", "perplexed by a riddle", "caught unprepared", "in awe of the huge canyon",
            "wonder at the northern lights", "a revelation at the end of the film", "the secret is out",
            "disbelief at the winning numbers", "eureka, I have found it", "a rabbit jumped out of the hat",
            "lost for words", "finding money in an old coat", "running into a school friend abroad",
        ),
        STRONG: (
            "utterly shocked", "completely stunned", "jaw on the floor, thunderstruck", "oh my god, unbelievable",
            "mind blown", "totally astounded, cannot believe it", "the shock of my life",
        ),
    },
}


def listed() -> tuple[list[str], list[str], list[float]]:
    """All prototype sentences in a fixed order: (sentences, their classes, their intensities)."""
    rows = [
        (sentence, name, level)
        for name, levels in PROTOTYPES.items()
        for level, sentences in levels.items()
        for sentence in sentences
    ]
    sentences, classes, levels_ = zip(*rows)
    return list(sentences), list(classes), list(levels_)


def fingerprint() -> str:
    """sha256 over the sentences; the shipped embeddings carry it, so that stale ones are noticed."""
    return hashlib.sha256("\n".join(listed()[0]).encode()).hexdigest()


def embeddings() -> np.ndarray:
    """(N, 384) float32 unit rows, one a sentence of `listed`; computed afresh if the shipped file is stale."""
    try:
        with np.load(SHIPPED) as stored:
            if str(stored["fingerprint"]) == fingerprint():
                return stored["embeddings"].astype(np.float32)
    except (OSError, KeyError, ValueError):
        pass  # absent or damaged: the sentences are the truth, the file only saves two seconds
    return computed()


def computed() -> np.ndarray:
    """The embeddings from the sentences themselves (about 2 s)."""
    from moda.conditions.sentence import sentence_encoder

    return sentence_encoder().embed(listed()[0])


if __name__ == "__main__":
    np.savez_compressed(SHIPPED, embeddings=computed().astype(np.float16), fingerprint=np.array(fingerprint()))
