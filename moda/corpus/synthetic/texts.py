"""What the synthetic voices say: our own sentences per language, pseudo-words and numbers.

`random_text` mixes them. Pseudo-words come from a character chain learnt on the language's own sentences, so each
language's spelling leads espeak-ng to that language's sounds; numbers are read out in every language for free.
"""

from __future__ import annotations

import itertools

import numpy as np

SENTENCES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "Bob moved five big boxes of maple furniture before breakfast.",
        "Why would anyone leave a perfectly warm house on a morning like this?",
        "My mother bought a small blue piano, but nobody ever plays it.",
        "The judge measured the vision of thirty young shepherds.",
        "Please put the paper cups above the purple cabinet.",
        "We often laugh at the funny way he opens the umbrella.",
        "Oh, I see! So you both knew about the party all along.",
        "Her voice was low, calm and rather beautiful.",
        "Thank you for waiting, someone will be with you in a moment.",
        "Fresh bread, warm butter and apple jam make a happy evening.",
        "Zoe usually chooses cheese, and George just watches.",
        "Every other word of that speech was about money and power.",
    ),
    "en-gb-x-rp": (
        "Shall we walk to the harbour before the weather turns?",
        "The vicar's brother has bought four very odd paintings.",
        "I could hardly believe how far the boat had drifted.",
        "Mind the step, and do wipe your boots on the mat.",
        "Father rather fancied a bath after the garden party.",
        "Pour the water slowly over the poppy seeds.",
    ),
    "de": (
        "Morgen früh bringen wir die Bücher zurück in die Bibliothek.",
        "Der Bäcker am Marktplatz verkauft fünf frische Brote.",
        "Können Sie mir bitte sagen, wo der Bahnhof ist?",
        "Meine Mutter mag blaue Blumen und warmes Wetter.",
        "Das Pferd läuft schnell über die weite, grüne Wiese.",
        "Wir hoffen, dass ihr alle pünktlich ankommt.",
        "Ein Apfelbaum steht vor unserem alten Haus.",
        "Zwölf junge Männer öffnen langsam das schwere Tor.",
    ),
    "fr": (
        "Bonjour madame, pouvez-vous ouvrir la fenêtre du bureau?",
        "Mon père a peint un beau bateau bleu sur le mur.",
        "Nous aimons beaucoup la musique et les longues promenades.",
        "Il faut que tu viennes avant huit heures demain matin.",
        "Cette jeune femme vend du pain et des pommes au marché.",
        "Où est passé le chapeau gris de mon oncle?",
        "Un bon vin blanc, un peu de fromage et voilà.",
        "Les enfants jouent dehors malgré la pluie.",
    ),
    "es": (
        "Buenos días, ¿dónde puedo comprar un mapa de la ciudad?",
        "Mi abuela prepara una sopa muy buena para toda la familia.",
        "El perro blanco corre por el campo abierto.",
        "Mañana vamos a viajar juntos hacia el pueblo.",
        "¿Por qué nunca me llamas cuando llegas a casa?",
        "Los jóvenes bailan y cantan hasta el amanecer.",
        "Quiero un vaso de agua fría, por favor.",
    ),
    "it": (
        "Buongiorno, vorrei un bicchiere di acqua e un panino.",
        "La mamma prepara la cena mentre il bambino gioca.",
        "Quando piove forte, preferisco rimanere a casa.",
        "Che bella giornata per una passeggiata in montagna!",
        "Il mio amico suona il pianoforte ogni pomeriggio.",
        "Dove avete messo le chiavi della macchina?",
        "Abbiamo visto un vecchio film molto divertente.",
    ),
    "pt-br": (
        "Bom dia, você pode me ajudar com esta bagagem?",
        "Minha mãe comprou um bolo de maçã para a família.",
        "O menino abriu a porta e viu um pássaro azul.",
        "Amanhã vamos viajar de ônibus até o porto.",
        "Não sei por que eles ainda não chegaram.",
        "Um pouco de música sempre melhora o ambiente.",
    ),
    "nl": (
        "Goedemorgen, mag ik twee broodjes met kaas bestellen?",
        "Mijn moeder woont in een klein huis buiten de stad.",
        "Wij fietsen elke dag vijf kilometer naar het werk.",
        "De buurman heeft een bruine hond en veel bomen.",
        "Waarom blijven jullie niet gewoon bij ons eten?",
        "Het water in de haven was koud maar prachtig blauw.",
        "Ik geloof dat de boot morgenavond pas vertrekt.",
    ),
    "pl": (
        "Dzień dobry, czy może mi pan pomóc znaleźć ulicę?",
        "Moja babcia piecze pyszne ciasto z jabłkami.",
        "Jutro rano pójdziemy razem nad małe jezioro.",
        "Biały pies biegał po parku przez całe popołudnie.",
        "Wszyscy mówią, że ta książka jest bardzo ciekawa.",
        "Proszę, podaj mi wodę i trochę chleba.",
    ),
    "cs": (
        "Dobrý den, prosím vás, kde je tady pošta?",
        "Moje maminka peče výborný jablečný koláč.",
        "Bílý pes běhal po zahradě a pořád štěkal.",
        "Zítra pojedeme vlakem do hor za babičkou.",
        "Proč mi nikdo neřekl, že bude pršet?",
        "Pavel koupil pět velkých modrých hrnků.",
    ),
    "ru": (
        "Добрый день, помогите мне пожалуйста найти вокзал.",
        "Моя мама любит белые цветы и тёплый вечер.",
        "Большой пёс бежал по парку и громко лаял.",
        "Завтра утром мы поедем вместе на озеро.",
        "Почему вы вчера не пришли на праздник?",
        "Папа купил пять яблок и бутылку молока.",
        "Вечером выпал снег, и всё вокруг стало белым.",
    ),
    "tr": (
        "Günaydın, bana bir bardak su verebilir misiniz?",
        "Annem her sabah taze ekmek ve peynir alır.",
        "Büyük köpek bahçede bütün gün koştu.",
        "Yarın öğleden sonra birlikte müzeye gidelim.",
        "Bu kitabı neden daha önce okumadım bilmiyorum.",
        "Mavi balonlar yavaşça gökyüzüne yükseldi.",
    ),
    "fi": (
        "Hyvää huomenta, missä on lähin kauppa?",
        "Äiti leipoo pullaa ja isä keittää kahvia.",
        "Vanha puuvene kellui hiljaa järven rannalla.",
        "Huomenna menemme yhdessä metsään kävelemään.",
        "Miksi kukaan ei kertonut minulle tästä aiemmin?",
        "Pieni poika piirsi punaisen auton ja keltaisen talon.",
    ),
    "sv": (
        "God morgon, kan du hjälpa mig med väskan?",
        "Min mormor bakar bröd varje fredag.",
        "Båten låg stilla i den lilla hamnen.",
        "Vi ska promenera hem genom parken i kväll.",
        "Varför har ingen öppnat fönstret i köket?",
    ),
    "hu": (
        "Jó napot kívánok, hol van a legközelebbi bolt?",
        "Édesanyám minden vasárnap almás pitét süt.",
        "A fehér kutya boldogan futott a mezőn.",
        "Holnap együtt megyünk a folyópartra.",
        "Miért nem mondta senki, hogy esni fog?",
    ),
    "el": (
        "Καλημέρα σας, πού είναι ο σταθμός παρακαλώ;",
        "Η μητέρα μου φτιάχνει ψωμί κάθε πρωί.",
        "Ο μικρός σκύλος έτρεξε πάνω στον λόφο.",
        "Αύριο θα πάμε μαζί βόλτα στη θάλασσα.",
        "Ποτέ δεν έμαθα γιατί έφυγαν τόσο νωρίς.",
    ),
    "hi": (
        "नमस्ते, आप मुझे रास्ता बता सकते हैं क्या?",
        "मेरी माँ हर सुबह ताज़ी रोटी बनाती है।",
        "बड़ा कुत्ता बाग में बहुत तेज़ भागा।",
        "कल हम सब मिलकर बाज़ार जाएँगे।",
        "पापा ने पाँच मीठे आम और फल खरीदे।",
    ),
    "ar": (
        "صباح الخير، هل يمكنك مساعدتي من فضلك؟",
        "أمي تحب الزهور البيضاء والموسيقى.",
        "ذهب الولد الصغير إلى البيت مع أبيه.",
        "غدا سوف نسافر معا إلى المدينة.",
    ),
    "ja": (
        "おはようございます、えきはどこですか。",
        "わたしのははは、まいあさパンをやきます。",
        "ちいさないぬが、こうえんをはしっています。",
        "あしたはみんなで、うみへいきましょう。",
        "ぼくはあおいぼうしと、しろいふくをかいました。",
        "どうしてもっとはやく、おしえてくれなかったのですか。",
    ),
    "cmn": (
        "你好，请问火车站怎么走？",
        "我妈妈每天早上都买新鲜的面包。",
        "那只小白狗在公园里跑来跑去。",
        "明天我们一起去海边玩吧。",
        "爸爸买了五个苹果和一瓶水。",
        "为什么没有人告诉我今天会下雨呢？",
        "这本书非常有意思，我看了三遍。",
    ),
    "ko": (
        "안녕하세요, 지하철역이 어디에 있습니까?",
        "어머니는 매일 아침 따뜻한 빵을 만드십니다.",
        "작은 강아지가 공원에서 뛰어놀고 있어요.",
        "내일 우리 모두 함께 바다에 가요.",
    ),
    "id": (
        "Selamat pagi, bisakah bapak membantu saya?",
        "Ibu membeli buah pisang dan mangga di pasar.",
        "Besok kami pergi bersama ke pantai putih.",
        "Mengapa kamu belum membuka pintu itu?",
    ),
    "vi": (
        "Xin chào, bạn có thể giúp tôi không?",
        "Mẹ tôi mua bánh mì mỗi buổi sáng.",
        "Ngày mai chúng ta cùng đi ra biển.",
    ),
    "ro": (
        "Bună ziua, unde pot cumpăra o hartă a orașului?",
        "Bunica mea pregătește o plăcintă foarte bună.",
        "Mâine vom merge împreună la munte.",
        "Băiatul a văzut o pasăre albastră pe acoperiș.",
    ),
    "ca": (
        "Bon dia, em podria dir on és el mercat?",
        "La meva mare prepara una sopa molt bona.",
        "Demà anirem tots plegats a veure el mar.",
        "El gos blanc corre pel camp i borda fort.",
        "Per què ningú no va obrir la finestra?",
    ),
}
"""Sentences per espeak-ng language code (also used by the other engines of that language)."""

HELD_OUT_LANGUAGE = "nl"
"""Never trained on: its sentences are synthesised for the held-out measures only."""

READS_ALOUD = {
    "af": "de", "lb": "de", "da": "sv", "nb": "sv", "is": "sv", "sk": "cs", "sl": "pl", "hr": "pl", "lt": "pl",
    "lv": "fi", "et": "fi", "sw": "id", "ms": "id", "eu": "es", "an": "es", "pap": "es", "cy": "en-gb-x-rp",
    "ga": "en-gb-x-rp", "sq": "ro", "mt": "it", "la": "it", "eo": "it", "az": "tr", "tk": "tr", "uz": "tr",
}  # fmt: skip
"""Further espeak-ng languages, for their sounds: each reads another language's sentences by its own rules, and says
numbers in its own words."""


def sentences_of(language: str) -> tuple[str, ...]:
    """The sentences that a voice of `language` reads. Raises KeyError for a language that is not known here."""
    return SENTENCES[READS_ALOUD.get(language, language)]


_LATIN_ONSETS = [
    "p",
    "b",
    "m",
    "f",
    "v",
    "w",
    "t",
    "d",
    "n",
    "s",
    "z",
    "l",
    "r",
    "k",
    "g",
    "h",
    "sh",
    "ch",
    "j",
    "th",
    "br",
    "pl",
    "gr",
    "sp",
    "st",
]
_LATIN_RIMES = [
    "a",
    "e",
    "i",
    "o",
    "u",
    "ai",
    "ee",
    "oo",
    "ow",
    "ar",
    "er",
    "aw",
    "am",
    "op",
    "ib",
    "ef",
    "uv",
    "um",
    "ap",
    "ob",
]


def pseudo_word(language: str, rng: np.random.Generator) -> str:
    """A word that does not exist, spelt the way `language` spells (rich in lip sounds for English)."""
    if language in ("en-us", "en-gb-x-rp", "nl") and rng.random() < 0.6:
        count = int(rng.integers(1, 4))
        return "".join(f"{rng.choice(_LATIN_ONSETS)}{rng.choice(_LATIN_RIMES)}" for _ in range(count))
    letters = " ".join(sentences_of(language)).lower()
    letters = "".join(c if c.isalpha() or ord(c) > 0x2FF else " " for c in letters)
    followers: dict[str, list[str]] = {}
    for here, there in itertools.pairwise(letters):
        followers.setdefault(here, []).append(there)
    word, letter = "", " "
    while len(word) < 12:
        letter = str(rng.choice(followers.get(letter, [" "])))
        if letter == " ":
            if len(word) >= 3:
                break
            continue
        word += letter
    return word


def random_text(language: str, rng: np.random.Generator, numbers: bool = True) -> str:
    """One utterance's text: a sentence, a shuffled one, pseudo-words or numbers, with punctuation."""
    sentences = sentences_of(language)
    kind = rng.random()
    first = str(rng.choice(sentences))
    if kind < 0.4:
        return first
    if kind < 0.6:
        words = " ".join(rng.choice(sentences, 2)).split()
        return " ".join(rng.permutation(words)[: int(rng.integers(4, 10))])
    if kind < 0.75 and numbers:
        return ", ".join(str(int(10 ** rng.uniform(0.5, 5))) for _ in range(int(rng.integers(2, 5)))) + "."
    mark = str(rng.choice([".", "!", "?", "..."]))
    return " ".join(pseudo_word(language, rng) for _ in range(int(rng.integers(3, 8)))) + mark
